// The playground's form: what belongs to the chosen kind, sending it, and what was wrong with it.
"use strict";

(() => {
  const root = document.getElementById("playground");
  const form = document.getElementById("pg-form");
  const element = (id) => document.getElementById(`pg-${id}`);
  const go = element("go"), stop = element("stop"), general = element("problem");
  const kind = () => form.elements.kind.value;
  const NUMBERS = ["temperature", "top_p", "max_tokens", "seed"];
  const EMPTY = { instruction: "Say what is to be done.", prompt: "Ask something." };
  let run = null;
  let key = null; // one for each request, so that sending it again after a lost answer starts nothing twice

  const images = new PlaygroundImages({
    zone: element("drop"), list: element("images"), input: element("file"),
    single: () => kind() === "gui",
    changed: () => {
      key = null;
      tell("image", "");
    },
  });

  const arrange = () => {
    for (const part of form.querySelectorAll("[data-kind]")) {
      const fits = part.dataset.kind === kind() && (!part.dataset.mode || part.dataset.mode === element("mode").value);
      part.hidden = !fits;
    }
    element("drop").querySelector(".pg-choose .sl-link").textContent =
      kind() === "gui" ? "Choose a screenshot" : kind() === "ocr" ? "Choose pages" : "Choose images";
  };

  // --- what is wrong ---
  const tell = (name, words) => {
    const place = form.querySelector(`[data-error="${CSS.escape(name)}"]`);
    if (!place || (words && place.closest("[hidden]:not(.sl-error)"))) return false;
    place.textContent = words;
    place.hidden = !words;
    const field = name === "image" ? element("file") : form.elements[name];
    if (words) field?.setAttribute?.("aria-invalid", "true");
    else field?.removeAttribute?.("aria-invalid");
    return true;
  };

  const tellAll = (words) => {
    general.textContent = words;
    general.hidden = !words;
  };

  const clean = () => {
    tellAll("");
    for (const place of form.querySelectorAll("[data-error]")) tell(place.dataset.error, "");
  };

  const nameOf = (pointer) => {
    const [, where, name] = pointer.split("/");
    if (where === "input" && ["images", "messages"].includes(name)) return "image";
    if (where === "params" && name === "pixels") return "pixels_max";
    return name ?? where ?? "";
  };

  const refuse = (problem) => {
    const left = problem.errors.filter((error) => !tell(nameOf(error.pointer), error.detail));
    if (left.length) tellAll(left.map((error) => error.detail).join(" "));
    else if (!problem.errors.length) tellAll(problem.detail);
    const first = form.querySelector('[aria-invalid="true"]');
    first?.closest("details")?.setAttribute("open", "");
    first?.focus();
  };

  // --- sending ---
  const request = () => {
    const body = new FormData();
    const put = (name, value) => value !== "" && body.append(name, value);
    body.append("kind", kind());
    put("model", form.elements.model.value);
    if (kind() === "gui") {
      put("tool", form.elements.tool.value);
      put("instruction", form.elements.instruction.value.trim());
    } else if (kind() === "ocr") {
      const mode = form.elements.mode.value, given = form.elements.fields.value.trim();
      put("mode", mode);
      if (mode === "kie" && given) {
        put("fields", given.startsWith("{") ? given : JSON.stringify(given.split(",").map((word) => word.trim()).filter(Boolean)));
      }
    } else {
      put("prompt", form.elements.prompt.value.trim());
    }
    for (const name of NUMBERS) put(name, form.elements[name].value.trim());
    const pixels = form.elements.pixels_max.value.trim();
    if (pixels) put("pixels", /^\d+$/.test(pixels) ? JSON.stringify({ max: Number(pixels) }) : pixels);
    if (!element("cached").checked) put("cache", JSON.stringify({ mode: "off" }));
    if (images.uploads.length) put("images", JSON.stringify(images.uploads.map((id) => ({ upload_id: id }))));
    for (const file of images.files) body.append("image", file, file.name || "pasted.png");
    return body;
  };

  const send = (url, options = {}) => fetch(url, {
    method: "POST", redirect: "manual", ...options,
    headers: { "X-CSRFToken": form.elements.csrfmiddlewaretoken.value, Accept: "application/json", ...options.headers },
  });

  // The refusal that an answer holds; a sentence of our own where it holds none, as when the session has ended.
  const problemOf = async (answer) => {
    if ((answer.headers.get("content-type") ?? "").includes("problem+json")) return answer.json();
    return { errors: [], detail: "You are signed out, or this page is too old. Reload it and run again." };
  };

  const busy = (on) => {
    go.disabled = on;
    stop.hidden = !on;
    stop.disabled = false;
    form.setAttribute("aria-busy", String(on));
  };

  const parts = {
    progress: element("progress"), status: element("status"), clock: element("clock"), stream: element("stream"),
    result: element("result"),
  };

  const follow = (found) => {
    run?.leave();
    busy(true);
    run = new PlaygroundRun({
      parts, links: found.links,
      ended: () => {
        busy(false);
        key = null;
        run = null;
        htmx.ajax("GET", found.links.share, { target: "#pg-recent", select: "#pg-recent", swap: "outerHTML" }).catch(console.error);
      },
    });
  };

  const start = async () => {
    if (go.disabled || form.querySelector("fieldset").disabled) return;
    clean();
    const asked = { gui: "instruction", chat: "prompt" }[kind()];
    if (asked && !form.elements[asked].value.trim()) {
      tell(asked, EMPTY[asked]);
      form.elements[asked].focus();
      return;
    }
    go.disabled = true;
    key ??= crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
    try {
      const answer = await send(root.dataset.start, { body: request(), headers: { "Idempotency-Key": key } });
      if (answer.status === 201) {
        const found = await answer.json();
        history.replaceState(null, "", found.links.share);
        follow(found);
        return;
      }
      key = null;
      refuse(await problemOf(answer));
    } catch (error) {
      console.warn(error);
      tellAll("The server does not answer. Press Run again: it starts nothing twice.");
    }
    go.disabled = false;
  };

  stop.addEventListener("click", async () => {
    if (!run) return;
    stop.disabled = true;
    try {
      const answer = await send(run.links.cancel);
      if (answer.status !== 204) refuse(await problemOf(answer));
    } catch {
      tellAll("The server does not answer, so the run goes on. Try to cancel it again.");
    }
    stop.disabled = false;
  });

  element("clear").addEventListener("click", () => {
    images.clear();
    clean();
    for (const name of ["instruction", "prompt", "fields", "pixels_max", ...NUMBERS]) form.elements[name].value = "";
    key = null;
    form.elements.kind[0].focus();
  });

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    start();
  });
  form.addEventListener("change", arrange);
  form.addEventListener("input", (event) => {
    key = null;
    if (event.target.name) tell(event.target.name, "");
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    start();
  });

  arrange();
  if (root.dataset.run && root.dataset.ended === "no") {
    fetch(root.dataset.run).then((answer) => answer.json()).then(follow).catch(console.error);
  }
})();
