// Keeps a page current. Hears from the dock what has changed (by one line for all tabs, live-worker.js) and makes the page's parts into what the
// server has drawn; nothing is drawn here, and text is only ever put in as text. Says NOT LIVE when nothing has been heard for ten seconds,
// "signed out" when that is so, and stands still when it is told to. Without it the page reloads itself, or says when it was so. A page of lists (data-heard:
// current) stands still while somebody fills in what is on it, and says so; one that is only read (still) says all but what is new.
"use strict";

(() => {
  const SILENCE = 10000;
  const DEAF = 6000; // a worker that has not said for so long that it is there, is not
  const SAY_EVERY = 3000;
  const SAY_AT_MOST = 3;
  const READ_EVERY = 2000;
  const LISTS_EVERY = 4000;
  const AGES_EVERY = 30000;
  const WARN = 120;
  const ACTIVE_EVERY = 60000;

  const box = document.getElementById("live");
  const { address, now: nowAddress, worker: workerAddress, face, bay, heard } = box.dataset;
  const $ = (id) => document.getElementById(id);
  let ownIcon = $("icon").getAttribute("href");
  let ownTitle = document.title;
  const BACKGROUND = { cache: "no-store", headers: { "Dockd-Live": "1" }, redirect: "manual" };

  let run = box.dataset.since.split(".")[0];
  let sequence = Number(box.dataset.since.split(".")[1]); // everything up to here is on the page, but for single bays that are newer
  let headAt = sequence;
  const bayAt = new Map();
  let heardAt = performance.now();
  let owed = null; // of a page that is drawn whole: the newest that it must show and does not yet
  let owedAt = 0; // since when something of that is not shown
  let behind = 0;
  let paused = false;
  let fetching = false;
  let emptied = false; // the session has ended: nothing of what was read stands there any more

  // -- making one part of the page into another ----------------------------------------------------------------------

  const isBeingFilledIn = (form) =>
    form.contains(document.activeElement) ||
    [...form.elements].some((one) => (one.type === "checkbox" || one.type === "radio" ? one.checked !== one.defaultChecked : one.type !== "hidden" && "defaultValue" in one && one.value !== one.defaultValue)) ||
    [...form.querySelectorAll("select")].some((one) => one.selectedIndex !== Math.max(0, [...one.options].findIndex((option) => option.defaultSelected)));

  function become(to, from) {
    if (to.nodeName !== from.nodeName) {
      to.replaceWith(document.importNode(from, true));
    } else if (to.nodeType === Node.TEXT_NODE) {
      if (to.data !== from.data) to.data = from.data;
    } else if (to.nodeType === Node.ELEMENT_NODE && !to.isEqualNode(from)) {
      if (to.nodeName === "FORM" && isBeingFilledIn(to)) return;
      attributes(to, from);
      children(to, from);
    }
  }

  function attributes(to, from) {
    for (const { name } of [...to.attributes]) {
      if (!from.hasAttribute(name) && !(to.nodeName === "DETAILS" && name === "open")) to.removeAttribute(name);
    }
    for (const { name, value } of from.attributes) {
      if (to.getAttribute(name) !== value) to.setAttribute(name, value);
    }
  }

  function children(to, from) {
    const fresh = [...from.childNodes];
    const old = [...to.childNodes];
    fresh.forEach((one, place) => {
      if (place < old.length) become(old[place], one);
      else to.append(document.importNode(one, true));
    });
    for (const one of old.slice(fresh.length)) one.remove();
  }

  // Whoever stands on a link stands on the same link afterwards, wherever it has gone.
  function keepingFocus(part, change) {
    const active = document.activeElement;
    const link = part.contains(active) ? active.getAttribute("href") : null;
    change();
    if (link === null || (document.activeElement === active && active.getAttribute("href") === link)) return;
    const same = [...part.querySelectorAll("a[href]")].find((one) => one.getAttribute("href") === link);
    (same ?? $("main"))?.focus({ preventScroll: true });
  }

  const parsed = (html) => new DOMParser().parseFromString(html, "text/html");

  function parts(fresh, ids) {
    for (const id of ids) {
      const from = fresh.getElementById(id);
      const to = $(id);
      if (from && to && !to.isEqualNode(from)) keepingFocus(to, () => become(to, from));
    }
    title();
  }

  function title() {
    const { title: words, icon, count } = $("headline")?.dataset ?? {};
    if (words) ownTitle = words;
    if (count !== undefined && $("count")) {
      $("count").textContent = count;
      $("count").hidden = count === "0";
    }
    if ($("signed-in")) $("signed-in").hidden = !$("signed-out").hidden;
    const dead = !$("not-live").hidden ? box.dataset.notLive : $("signed-out").hidden ? "" : box.dataset.signedOut;
    const now = dead ? `${dead} ${box.dataset.place}` : ownTitle; // no figure of before stands in a tab that is not live
    if (document.title !== now) document.title = now;
    const wished = dead ? box.dataset.iconDead : (icon ?? ownIcon);
    if (wished && $("icon").getAttribute("href") !== wished) $("icon").setAttribute("href", wished);
  }

  // -- what the dock says --------------------------------------------------------------------------------------------

  function take(said) {
    if (said.run !== run) {
      run = said.run;
      bayAt.clear();
      headAt = sequence = -1;
    }
    const list = $("bays");
    if (list) for (const tile of said.tiles) put(list, tile);
    if (list && said.all) for (const old of list.querySelectorAll(":scope > [id^='bay-']")) {
      if (!said.tiles.some((tile) => `bay-${tile.bay}` === old.id)) old.remove();
    }
    if (said.head && said.sequence >= headAt) {
      headAt = said.sequence;
      const fresh = parsed(said.head.html);
      parts(fresh, [...fresh.querySelectorAll("[id]")].map((one) => one.id).filter((id) => id !== "bays" && id !== "live"));
    }
    sequence = Math.max(sequence, said.sequence);
    behind = 0;
  }

  function put(list, tile) {
    if (tile.sequence <= (bayAt.get(tile.bay) ?? -1)) return;
    bayAt.set(tile.bay, tile.sequence);
    const from = parsed(tile.html).querySelector(`#bay-${tile.bay}`);
    if (!from) return;
    const to = $(`bay-${tile.bay}`);
    if (to) {
      const acted = to.classList.contains("act");
      if (to.dataset.state !== tile.state && (tile.act || acted)) say(tile.label);
      keepingFocus(to, () => become(to, from));
      return;
    }
    for (const nothing of list.querySelectorAll(":scope > .nothing")) nothing.remove();
    const next = [...list.children].find((one) => Number(one.id.slice(4)) > tile.bay);
    list.insertBefore(document.importNode(from, true), next ?? null);
  }

  // A page that was made for somebody is never filled with what is somebody else's: it is made anew, for whoever is signed in now.
  function isForAnother(mark) {
    if (mark === box.dataset.mark) return false;
    location.reload();
    return true;
  }

  // What was read goes with the session. A form that somebody is filling in stays: what they typed is theirs, and sent, it leads to signing in.
  function empty() {
    if (emptied) return;
    emptied = true;
    const forms = [...$("main").querySelectorAll("form")].filter(isBeingFilledIn);
    $("main").replaceChildren(...forms);
    if ($("count")) $("count").hidden = true;
    $("live-said").textContent = "";
  }

  // Signing in does not lose it: it is sent as nobody's form, which is kept and never done.
  $("signed-out").querySelector("a")?.addEventListener("click", (event) => {
    const form = emptied && $("main").querySelector("form");
    if (!form || !form.elements.csrf) return;
    event.preventDefault();
    form.elements.csrf.value = "";
    form.submit();
  });

  function hear(kind, data) {
    if (kind === "who") {
      if (!isForAnother(data.mark) && emptied && !$("main").firstElementChild) location.reload();
      return;
    }
    if (kind === "alive" || kind === "welcome") {
      if (kind === "welcome" && data.since !== `${run}.${sequence}`) catchUp();
      return;
    }
    if (kind === "signed-out") {
      $("signed-out").hidden = false;
      $("not-live").hidden = true;
      empty();
      title();
      return;
    }
    if (kind === "beat") {
      behind = data.sequence > sequence && !paused ? behind + 1 : 0;
      if (behind > 1) catchUp();
    } else if (!paused) {
      if (face) take(data);
      else if (data.run !== run || data.sequence > sequence) readAgain(data);
    }
    heardAt = performance.now();
    if (!$("signed-out").hidden) {
      $("signed-out").hidden = true;
      title();
    }
    if (owed !== null && !readTimer) readIn(READ_EVERY);
    backLive();
  }

  // What is heard and cannot be shown is worth no more than what is not heard.
  function isStale() {
    const now = performance.now();
    return now - heardAt > SILENCE || (owed !== null && !paused && !emptied && now - owedAt > SILENCE);
  }

  function backLive() {
    if ($("not-live").hidden || isStale()) return;
    $("not-live").hidden = true;
    title();
  }

  // What was missed, whole. Returns whether it came.
  async function catchUp() {
    if (!face) return readWhole(true);
    try {
      const answer = await fetch(nowAddress, BACKGROUND);
      if (!answer.ok || isForAnother(answer.headers.get("Dockd-Mark"))) return false;
      const said = await answer.json();
      if (!paused) take(said);
      return true;
    } catch {
      return false; // the banner says it
    }
  }

  // -- pages that are drawn whole --------------------------------------------------------------------------------------

  let readAt = performance.now();
  let readTimer = 0;

  function readAgain(said) {
    run = said.run;
    sequence = said.sequence;
    if (stands(true)) return;
    const mine = !bay || said.tiles.some((tile) => String(tile.bay) === bay);
    if (mine) owe();
    if (readTimer && !mine) return;
    readIn(heard ? LISTS_EVERY : mine ? READ_EVERY : AGES_EVERY);
  }

  function owe() {
    if (owed === null) owedAt = performance.now();
    owed = { run, sequence };
  }

  function readIn(wait) {
    clearTimeout(readTimer);
    readTimer = setTimeout(() => readWhole(), Math.max(0, readAt + wait - performance.now()));
  }

  // Somebody fills in something on a page whose parts move: what they are about to press must stay what it was.
  const isHeld = () =>
    heard === "current" && [...$("main").querySelectorAll("form")].some((form) => isBeingFilledIn(form) || (form.method === "post" && form.closest("details[open]")));

  function stands(isNew) {
    if (heard === "still") return true;
    const held = isHeld();
    if (held && isNew) asItWas();
    return held;
  }

  // It says itself that it is not of now: nothing is owed.
  function asItWas() {
    owed = null;
    $("as-of").hidden = false;
  }

  // Until the page shows what was heard of it is read again.
  async function readWhole(isNew = false) {
    clearTimeout(readTimer);
    readTimer = 0;
    if (fetching || paused || emptied || stands(isNew || owed !== null)) return false; // what is heard while it is read is owed, and is read next
    fetching = true;
    readAt = performance.now();
    const came = await readOnce();
    fetching = false;
    if (paused) return came;
    if (!came && heard) asItWas();
    else if (!came) owe();
    else if (owed !== null) owedAt = readAt; // what it was drawn with is what was so when it was asked for
    backLive();
    if (owed !== null && $("signed-out").hidden) readIn(READ_EVERY);
    return came;
  }

  async function readOnce() {
    try {
      const answer = await fetch(location.href, { ...BACKGROUND, signal: AbortSignal.timeout?.(SILENCE) });
      const fresh = parsed(await answer.text());
      const { since, mark } = fresh.getElementById("live")?.dataset ?? {};
      if (!since || isForAnother(mark)) return false; // not this page: a refusal, or somebody else's
      if (paused || emptied) return true;
      if (isHeld()) return false; // somebody began meanwhile
      ownTitle = fresh.title;
      ownIcon = fresh.getElementById("icon").getAttribute("href");
      parts(fresh, ["main", "count", "as-of"]);
      const [ofRun, ofSequence] = since.split(".");
      if (owed !== null && ofRun === owed.run && Number(ofSequence) >= owed.sequence) owed = null;
      return true;
    } catch {
      return false; // the banner says it
    }
  }

  // -- what is read out: only what somebody must act on, and not more than a few sentences ------------------------------

  let toSay = [];
  let saying = 0;

  function say(label) {
    toSay.push(label);
    if (saying) return;
    saying = setTimeout(() => {
      saying = 0;
      const found = [...new Set(toSay)];
      toSay = [];
      if (paused) return;
      const more = found.length - SAY_AT_MOST;
      const words = found.slice(0, SAY_AT_MOST);
      if (more > 0) words.push(box.dataset.more.replace("{count}", String(more)));
      $("live-said").textContent = words.join(". ");
    }, SAY_EVERY);
  }

  // -- standing still --------------------------------------------------------------------------------------------------

  const pause = $("pause");

  async function toggle() {
    if (!paused) {
      paused = true;
      const at = new Date().toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
      $("paused").textContent = box.dataset.paused.replace("{time}", at);
    } else {
      pause.disabled = true;
      paused = false;
      const came = await catchUp();
      pause.disabled = false;
      pause.focus();
      paused = !came; // what stands there is as old as it was
    }
    $("paused").hidden = !paused;
    pause.textContent = paused ? box.dataset.resume : box.dataset.pause;
  }

  if (pause) {
    pause.hidden = false;
    pause.addEventListener("click", toggle);
  }

  // -- the line ----------------------------------------------------------------------------------------------------------

  let port = null;
  let line = null;
  let aliveAt = 0;
  let deaf = 0;

  const joining = () => ({ kind: "join", address, now: nowAddress, since: `${run}.${sequence}`, mark: box.dataset.mark });

  function join() {
    aliveAt = performance.now();
    port?.close();
    const worker = new SharedWorker(workerAddress, { name: address });
    worker.onerror = () => (deaf = 2);
    port = worker.port;
    port.onmessage = ({ data }) => {
      aliveAt = performance.now();
      deaf = 0;
      hear(data.kind, data.data);
    };
    port.postMessage(joining());
  }

  function ownLine() {
    port?.close();
    port = null;
    const begin = () => {
      if (!line && !document.hidden) line = new self.DockdLine({ ...joining(), tell: hear });
    };
    if (self.DockdLine) {
      begin();
      return;
    }
    const script = document.createElement("script");
    script.src = workerAddress;
    script.onload = begin;
    document.head.append(script);
  }

  // A tab that nobody sees gives its own connection back; of the common one it keeps its share.
  function seen() {
    if (port) {
      port.postMessage({ kind: "here" });
      return;
    }
    if (document.hidden) {
      line?.end();
      line = null;
    } else {
      heardAt = performance.now();
      ownLine();
    }
  }

  const isShared = "SharedWorker" in self;
  if (isShared) join();
  else ownLine();

  setInterval(() => {
    const now = performance.now();
    if (heard === "current" && !$("as-of").hidden && now - readAt > LISTS_EVERY && !isHeld()) readWhole();
    if (port && now - aliveAt > DEAF) {
      deaf += 1;
      if (deaf > 1) ownLine();
      else join();
    }
    const silent = isStale() && $("signed-out").hidden && !document.hidden;
    if (silent && $("not-live").hidden) {
      $("not-live").hidden = false;
      title();
    }
  }, 500);
  setInterval(() => port?.postMessage({ kind: "here" }), 20000);
  if (!face) setInterval(() => !paused && !document.hidden && readWhole(), 2 * AGES_EVERY);
  document.addEventListener("visibilitychange", seen);
  addEventListener("pagehide", () => {
    port?.postMessage({ kind: "bye" });
    line?.end();
    line = null;
  });
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    if (isShared) join();
    else ownLine();
    catchUp();
  });

  // -- a session that ends for want of anybody ---------------------------------------------------------------------------

  let idleSeconds = Number(box.dataset.idleSeconds || 0);
  if (idleSeconds) {
    const shared = new BroadcastChannel("dockd-active");
    let toldAt = performance.now();
    const renewed = (seconds) => {
      toldAt = performance.now();
      idleSeconds = seconds || idleSeconds;
      $("idle").hidden = true;
    };
    shared.onmessage = ({ data }) => renewed(data);
    const left = () => idleSeconds - (performance.now() - toldAt) / 1000;
    let asking = false;
    const here = async () => {
      if (asking || performance.now() - toldAt < Math.min(ACTIVE_EVERY, idleSeconds * 250)) return;
      asking = true;
      try {
        const answer = await fetch("/live/here", { method: "POST", redirect: "manual" });
        if (!answer.ok) return;
        renewed((await answer.json()).idle_seconds);
        shared.postMessage(idleSeconds);
      } catch {
        // the banner says it
      } finally {
        asking = false;
      }
    };
    for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, here, { passive: true });
    setInterval(() => {
      const soon = left() < Math.min(WARN, idleSeconds / 2) && left() > 0;
      $("idle").hidden = !soon || !$("signed-out").hidden;
    }, 1000);
  }
})();
