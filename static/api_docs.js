// The API's page: Swagger UI within our own page, which has the title already.

const place = document.getElementById("operations");
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);

// What Swagger UI leaves out for keyboards and screen readers, added whenever it has drawn something.
function complete() {
  for (const box of place.querySelectorAll(":is(pre, .table-container, .opblock-body, .responses-inner):not([tabindex])")) {
    if (box.tagName === "PRE" || box.scrollWidth > box.clientWidth) box.tabIndex = 0;
  }
  for (const table of place.querySelectorAll('table[role="region"]')) table.removeAttribute("role");
  for (const field of place.querySelectorAll(".parameters :is(select, input, textarea):not([aria-label])")) {
    const name = field.closest("tr[data-param-name]");
    if (name) field.setAttribute("aria-label", name.dataset.paramName);
  }
}

follow();
dark.addEventListener("change", follow);
new MutationObserver(complete).observe(place, { childList: true, subtree: true });

SwaggerUIBundle({
  url: place.dataset.document,
  domNode: place,
  layout: "BaseLayout",
  validatorUrl: null,
  displayRequestDuration: true,
  // Links to operations would be links inside buttons.
  deepLinking: false,
  plugins: [{ wrapComponents: { InfoContainer: () => () => null } }],
});
