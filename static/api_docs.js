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

// An operation's example in each language, above its responses.
function samplesAbove(Responses, { React: { createElement } }) {
  return (props) => {
    const { path, method, specSelectors } = props;
    const samples = specSelectors.specJson().getIn(["paths", path, method, "x-codeSamples"]).toJS();
    const details = samples.map(({ label, source }, index) => createElement(
      "details", { key: label, name: `${method} ${path}`, open: index === 0 },
      createElement("summary", null, label),
      createElement("pre", { tabIndex: 0, "aria-label": `Example in ${label}` }, createElement("code", null, source)),
    ));
    const title = createElement("div", { className: "opblock-section-header" }, createElement("h4", null, "Example"));
    return createElement("div", null, title, createElement("div", { className: "samples" }, details), createElement(Responses, props));
  };
}

// Every error has the same body, which the page describes once, so an error's row has only its code and description.
function shortErrors(Response, { React: { createElement } }) {
  return (props) => {
    const { code, response, getComponent } = props;
    if (code.startsWith("2")) return createElement(Response, props);
    const description = createElement(getComponent("Markdown", true), { source: response.get("description") });
    return createElement("tr", { className: "response" },
      createElement("td", { className: "response-col_status" }, code),
      createElement("td", { colSpan: 2 }, description));
  };
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
  defaultModelsExpandDepth: 0,
  syntaxHighlight: { activated: false },
  plugins: [{ wrapComponents: { InfoContainer: () => () => null, responses: samplesAbove, response: shortErrors } }],
});
