// Search people while typing. Without this script the search button does the same.

const search = document.getElementById("search");
let latest = new AbortController();

async function find() {
  latest.abort();
  latest = new AbortController();
  const address = new URL(search.action);
  if (search.q.value.trim()) address.searchParams.set("q", search.q.value);
  const answer = await fetch(address, { signal: latest.signal });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  document.title = page.title;
  // Screen readers listen to the count, so only its content changes.
  for (const id of ["count", "people"]) {
    document.getElementById(id).replaceChildren(...page.getElementById(id).childNodes);
  }
  history.replaceState(null, "", address);
}

let pause;
// Restored results have replaced the form.
search?.addEventListener("input", () => {
  clearTimeout(pause);
  pause = setTimeout(() => find().catch(() => {}), 150);
});
