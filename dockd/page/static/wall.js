// Loads the wall anew when the day or the night begins, or when there are more bays than it was laid out for: only once the dock answers, so that no
// screen is left with a browser's own error. What is on it is kept current by live.js.
"use strict";

(() => {
  const bays = document.getElementById("bays");
  const due = performance.now() + Number(bays.dataset.reload) * 1000;
  const most = Number(bays.dataset.most);

  async function loadAnew() {
    try {
      const answer = await fetch(location.href, { cache: "no-store", redirect: "manual" });
      if (answer.ok) location.reload();
    } catch {
      // in a minute again; what is on it says NOT LIVE meanwhile
    }
  }

  setInterval(() => {
    if (performance.now() >= due || bays.children.length > most) loadAnew();
  }, 60000);
})();
