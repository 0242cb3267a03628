// The one line to the dock, for all tabs that show it: a browser has six connections to one dock, and the seventh tab would hang.
// Runs as a SharedWorker; where there is none, live.js loads it into the tab itself. Begins the line anew when it breaks or when
// nothing has been heard for ten seconds (a connection that is dead does not say so), and tells a session that has ended from a dock
// that is away.
"use strict";

(() => {
  const SILENCE = 10000;
  const TRY = 4000;
  const PAUSE = 1200;
  const SIGNED_OUT = 15000;
  const ALIVE = 2000;
  const GONE = 180000; // hidden tabs get a turn once a minute

  // `tell(kind, data)`: who (to whom it is told), snapshot, news and beat as the dock says them, and signed-out.
  class Line {
    constructor({ address, now, since, tell }) {
      Object.assign(this, { address, now, since, tell, again: "", timer: 0, events: null, signedOut: false, mark: null });
      this.heardAt = performance.now();
      this.watch = setInterval(() => this.look(), 500);
      this.open();
    }

    open() {
      this.shut();
      this.triedAt = performance.now();
      const events = new EventSource(`${this.address}&since=${encodeURIComponent(this.since)}${this.again}`);
      this.events = events;
      for (const kind of ["who", "snapshot", "news", "beat"]) {
        events.addEventListener(kind, (event) => this.hear(kind, JSON.parse(event.data)));
      }
      events.onerror = () => {
        if (this.events !== events) return;
        const refused = events.readyState === EventSource.CLOSED; // the dock has answered, and not with events
        this.shut();
        if (refused) this.ask();
        else this.later(PAUSE + Math.random() * 800);
      };
    }

    hear(kind, data) {
      this.heardAt = performance.now();
      this.signedOut = false;
      if (kind === "who") this.mark = data.mark;
      if (data.run) {
        this.since = `${data.run}.${data.sequence}`;
        this.again = "&head=1";
      }
      this.tell(kind, data);
    }

    async ask() {
      let refused = false;
      try {
        const answer = await fetch(this.now, { cache: "no-store", redirect: "manual", headers: { "Dockd-Live": "1" } });
        refused = answer.status === 401 || answer.status === 403 || answer.type === "opaqueredirect";
      } catch {
        // the dock is away: silence says it
      }
      this.signedOut = refused;
      if (refused) {
        this.tell("signed-out", null);
      }
      this.later(this.signedOut ? SIGNED_OUT : PAUSE + Math.random() * 800);
    }

    later(wait) {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.open(), wait);
    }

    look() {
      const now = performance.now();
      if (!this.events || now - this.heardAt < SILENCE || now - this.triedAt < TRY) return;
      this.open();
    }

    shut() {
      clearTimeout(this.timer);
      if (this.events) this.events.close();
      this.events = null;
    }

    end() {
      clearInterval(this.watch);
      this.shut();
    }
  }

  if (!("SharedWorkerGlobalScope" in self)) {
    self.DockdLine = Line;
    return;
  }

  const tabs = new Map(); // port: when it was heard last
  let line = null;

  const tell = (kind, data) => {
    for (const port of tabs.keys()) port.postMessage({ kind, data });
  };

  const leave = (port) => {
    tabs.delete(port);
    if (tabs.size || !line) return;
    line.end();
    line = null;
  };

  self.onconnect = (event) => {
    const port = event.ports[0];
    port.onmessage = ({ data }) => {
      if (data.kind === "bye") {
        leave(port);
        return;
      }
      tabs.set(port, performance.now());
      if (data.kind !== "join") return;
      if (!line) line = new Line({ address: data.address, now: data.now, since: data.since, tell });
      else if (line.signedOut || (line.mark && line.mark !== data.mark)) line.open(); // somebody has signed in (again), or somebody else
      port.postMessage({ kind: "welcome", data: { since: line.since } });
    };
    port.start();
  };

  setInterval(() => {
    const now = performance.now();
    for (const [port, heardAt] of tabs) {
      if (now - heardAt > GONE) leave(port);
      else port.postMessage({ kind: "alive", data: null });
    }
  }, ALIVE);
})();
