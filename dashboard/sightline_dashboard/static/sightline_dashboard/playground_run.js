// One run of the playground from its acceptance to its result: the stream of its events, and its place while it waits.
"use strict";

class PlaygroundRun {
  static #STAGES = ["sent", "queued", "started", "first", "ended"];
  static #ENDS = ["succeeded", "incomplete", "failed", "cancelled", "expired", "quarantined"];

  // `parts` are elements: progress, status, clock, stream, result. `ended` is called once, with the status.
  constructor({ parts, links, ended }) {
    Object.assign(this, { parts, links, whenEnded: ended, texts: [], labels: [], times: {}, over: false });
    this.began = performance.now();
    parts.progress.hidden = false;
    parts.progress.classList.remove("pg-bad");
    parts.stream.hidden = true;
    parts.stream.replaceChildren();
    parts.result.replaceChildren();
    this.#stage("sent", "");
    this.#say("Accepted");
    this.clock = setInterval(() => this.#tick(), 100);
    this.poll = setInterval(() => this.#look().catch(console.error), 2000);
    this.#listen();
  }

  #listen() {
    const source = new EventSource(this.links.events);
    this.source = source;
    const on = (name, act) => source.addEventListener(name, (event) => this.over || act(JSON.parse(event.data)));
    on("job.queued", (data) => {
      this.#at("queued", data.at);
      this.#say("In the queue");
      this.#stage("queued", this.#place(data.queue));
    });
    on("job.started", (data) => {
      this.#at("started", data.at);
      this.#say("The model reads the request");
      this.#stage("queued", this.#between("queued", "started"));
      this.#stage("started", data.attempt > 1 ? `attempt ${data.attempt}` : "");
      this.startedAt = performance.now();
    });
    on("job.attempt_failed", (data) => {
      this.#say(`An attempt failed (${data.code ?? "no reason given"}), and the job waits for the next one`);
      this.#stage("queued", "once more");
    });
    on("output.delta", (data) => {
      this.labels[data.index] ??= data.label;
      this.texts[data.index] = (this.texts[data.index] ?? "") + data.text;
      this.#show();
    });
    on("output.reset", (data) => {
      this.texts = data.texts ? [...data.texts] : [];
      this.#show();
    });
    for (const status of PlaygroundRun.#ENDS) on(`job.${status}`, (data) => {
      this.#at("ended", data.at);
      this.#finish(status, data.timings_ms);
    });
  }

  async #look() {
    const answer = await fetch(this.links.state, { headers: { Accept: "application/json" } });
    if (!answer.ok || this.over) return;
    const found = await answer.json();
    if (found.ended) this.#finish(found.status);
    else if (found.queue) this.#stage("queued", this.#place(found.queue));
  }

  #place(queue) {
    if (!queue) return "";
    const place = queue.position ? `number ${queue.position}` : "far behind";
    return queue.eta_ms ? `${place}, ends in about ${this.#seconds(queue.eta_ms[1])}` : place;
  }

  #at(name, moment) {
    this.times[name] = Date.parse(moment);
  }

  #between(first, second) {
    const ms = this.times[second] - this.times[first];
    return Number.isFinite(ms) ? this.#seconds(Math.max(0, ms)) : "";
  }

  #seconds(ms) {
    return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(ms < 10000 ? 1 : 0)} s`;
  }

  #tick() {
    this.parts.clock.textContent = this.#seconds(performance.now() - this.began);
  }

  #say(words) {
    if (this.parts.status.textContent !== words) this.parts.status.textContent = words;
  }

  #stage(name, detail) {
    const now = PlaygroundRun.#STAGES.indexOf(name);
    for (const row of this.parts.progress.querySelectorAll("[data-stage]")) {
      const place = PlaygroundRun.#STAGES.indexOf(row.dataset.stage);
      row.className = place < now || name === "ended" ? "pg-done" : place === now ? "pg-now" : "";
      if (place === now) row.setAttribute("aria-current", "step");
      else row.removeAttribute("aria-current");
      const words = row.querySelector("[data-detail]");
      if (place === now) words.textContent = detail;
      else if (place > now) words.textContent = "";
    }
  }

  #show() {
    const { stream } = this.parts;
    const follows = stream.scrollTop + stream.clientHeight >= stream.scrollHeight - 8;
    if (this.startedAt !== undefined && this.texts.some(Boolean)) {
      this.#say("The model writes");
      this.#stage("first", `after ${this.#seconds(performance.now() - this.startedAt)}`);
      this.startedAt = undefined;
    }
    stream.hidden = !this.texts.some(Boolean);
    const several = this.texts.length > 1;
    const blocks = [...this.texts].map((text, index) => {
      const block = document.createElement("div");
      if (several) {
        const label = document.createElement("p");
        label.className = "sl-quiet sl-small";
        label.textContent = this.labels[index] || `Call ${index + 1}`;
        block.append(label);
      }
      const words = document.createElement("pre");
      words.textContent = text ?? "";
      block.append(words);
      return block;
    });
    stream.replaceChildren(...blocks);
    if (follows) stream.scrollTop = stream.scrollHeight;
  }

  #finish(status, timings) {
    if (this.over) return;
    this.leave();
    const took = this.#between("queued", "ended") || this.#seconds(performance.now() - this.began);
    if (timings?.ttft) this.parts.progress.querySelector('[data-stage="first"] [data-detail]').textContent =
      `after ${this.#seconds(timings.ttft)}`;
    this.#stage("ended", took);
    this.parts.clock.textContent = "";
    this.parts.progress.classList.toggle("pg-bad", status !== "succeeded");
    this.#say(`${status[0].toUpperCase()}${status.slice(1)} after ${took}`);
    this.#draw(status).catch((error) => {
      console.error(error);
      this.#say("The result cannot be loaded. Reload the page.");
    });
  }

  async #draw(status) {
    const answer = await fetch(this.links.result);
    if (!answer.ok) throw new Error(`${answer.status} for ${this.links.result}`);
    this.parts.result.innerHTML = await answer.text(); // escaped by the server's templates
    this.parts.stream.hidden = true;
    this.whenEnded(status);
  }

  // Hear no more of it; the job goes on.
  leave() {
    this.over = true;
    this.source.close();
    clearInterval(this.clock);
    clearInterval(this.poll);
  }
}
