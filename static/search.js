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
  // Screen readers listen to this element, so only its text changes.
  document.getElementById("count").textContent = page.getElementById("count").textContent;
  document.getElementById("people").replaceChildren(...page.getElementById("people").childNodes);
  history.replaceState(null, "", address);
}

let pause;
search.addEventListener("input", () => {
  clearTimeout(pause);
  pause = setTimeout(() => find().catch(() => {}), 150);
});
