// Searches people as one types. Without this script the form does the same with its button.

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
  // The line that screen readers listen to stays, and only its words change.
  document.getElementById("count").textContent = page.getElementById("count").textContent;
  document.getElementById("people").replaceChildren(...page.getElementById("people").childNodes);
  history.replaceState(null, "", address);
}

let pause;
search.addEventListener("input", () => {
  clearTimeout(pause);
  pause = setTimeout(() => find().catch(() => {}), 150);
});
