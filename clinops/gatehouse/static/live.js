// Swaps one region of a page for its newer self whenever the server says that there is one.
// Without this script the page is whole; it has to be loaded again by hand.
"use strict";

for (const region of document.querySelectorAll("[data-live]")) {
  const events = new EventSource(region.dataset.live);
  events.addEventListener("changed", async () => {
    const answer = await fetch(location.href, { cache: "no-store" });
    if (!answer.ok) return;
    const newer = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = newer.getElementById(region.id);
    if (!fresh) return;
    region.replaceChildren(...fresh.childNodes);
    region.className = fresh.className;
    // The rest of the page is not swapped under a reader's eyes: a note asks them to load it.
    document.getElementById("newer").hidden = false;
    if (!fresh.dataset.live) events.close();
  });
}
