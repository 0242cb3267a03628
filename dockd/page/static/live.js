// Keeps the page current: hears from the dock what has changed, fetches the page's parts as the server renders them, and
// puts in only what differs. Says NOT LIVE when nothing has been heard for ten seconds. Without it the page reloads itself.
"use strict";

const BLOCKS = ["headline", "facts", "wrong", "bays"];
const source = location.pathname === "/" ? "/parts" : location.pathname;
let heardAt = performance.now();
let wanted = false;
let fetching = false;
let events = null;

function replaceWhatDiffers(fresh) {
  for (const id of BLOCKS) {
    const from = fresh.getElementById(id);
    const to = document.getElementById(id);
    if (!from || !to || from.isEqualNode(to)) continue;
    if (id === "bays") tiles(from, to);
    else to.replaceWith(document.adoptNode(from));
  }
  document.title = document.getElementById("headline").dataset.title;
}

function tiles(from, to) {
  [...from.children].forEach((tile, place) => {
    const old = to.children[place];
    if (!old) to.append(document.importNode(tile, true));
    else if (!tile.isEqualNode(old)) {
      const focused = old.contains(document.activeElement);
      const put = document.importNode(tile, true);
      old.replaceWith(put);
      if (focused) put.querySelector("a")?.focus();
    }
  });
  while (to.children.length > from.children.length) to.lastElementChild.remove();
}

async function update() {
  wanted = true;
  if (fetching) return;
  fetching = true;
  while (wanted) {
    wanted = false;
    try {
      const answer = await fetch(source, { cache: "no-store" });
      if (answer.ok) replaceWhatDiffers(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch {
      // the banner says it
    }
    await new Promise((done) => setTimeout(done, 400));
  }
  fetching = false;
}

function hear() {
  heardAt = performance.now();
  document.getElementById("not-live").hidden = true;
}

// A browser has six connections to one dock: a tab that nobody sees gives its own back.
function listen() {
  if (events) events.close();
  events = null;
  if (document.hidden) return;
  heardAt = performance.now();
  events = new EventSource("/api/v1/events");
  events.addEventListener("beat", hear);
  for (const kind of ["snapshot", "bay", "status", "problem"]) {
    events.addEventListener(kind, () => {
      hear();
      update();
    });
  }
  events.onerror = () => {
    // closed means that the browser has given up: begin anew, and go on counting the silence
    if (events && events.readyState === EventSource.CLOSED) {
      const silentSince = heardAt;
      setTimeout(() => {
        listen();
        heardAt = silentSince;
      }, 2000);
    }
  };
}

setInterval(() => {
  if (!document.hidden && performance.now() - heardAt > 10000) document.getElementById("not-live").hidden = false;
}, 500);
addEventListener("pageshow", (event) => event.persisted && update());
addEventListener("visibilitychange", listen);
setInterval(update, 60000);
listen();
