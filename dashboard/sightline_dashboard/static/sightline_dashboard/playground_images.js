// The playground's images: chosen, dropped or pasted ones, and those that a shared run had.
"use strict";

class PlaygroundImages {
  // `changed` is called after every change, `single` says whether a new image takes the place of the old ones.
  constructor({ zone, list, input, single, changed }) {
    Object.assign(this, { list, input, single, changed });
    this.entries = [...list.children].map((row) => ({ row, upload: row.dataset.upload }));
    for (const entry of this.entries) this.#removable(entry, entry.row.querySelector("img").alt);
    input.hasChangeListener = true; // unfold's own script would look for its text field beside every file input
    input.addEventListener("change", () => {
      this.add(input.files);
      input.value = "";
    });
    for (const name of ["dragenter", "dragover"]) zone.addEventListener(name, (event) => {
      event.preventDefault();
      zone.classList.add("pg-over");
    });
    for (const name of ["dragleave", "drop"]) zone.addEventListener(name, () => zone.classList.remove("pg-over"));
    zone.addEventListener("drop", (event) => {
      event.preventDefault();
      this.add(event.dataTransfer.files);
    });
    document.addEventListener("paste", (event) => {
      const files = [...(event.clipboardData?.files ?? [])].filter((file) => file.type.startsWith("image/"));
      if (!files.length) return;
      event.preventDefault();
      this.add(files);
    });
  }

  get uploads() {
    return this.entries.filter((entry) => entry.upload).map((entry) => entry.upload);
  }

  get files() {
    return this.entries.filter((entry) => entry.file).map((entry) => entry.file);
  }

  add(files) {
    if (!files.length || this.input.matches(":disabled")) return;
    if (this.single()) this.clear();
    for (const file of this.single() ? [...files].slice(-1) : files) this.#append(file);
    this.changed();
  }

  clear() {
    for (const entry of this.entries) entry.row.remove();
    this.entries = [];
    this.changed();
  }

  #append(file) {
    const row = document.createElement("li");
    const canvas = document.createElement("canvas");
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", file.name);
    row.append(canvas);
    this.list.append(row);
    const entry = { row, file };
    this.entries.push(entry);
    this.#removable(entry, file.name);
    // Drawn, not linked: the page's policy lets no blob: address in. What the browser cannot read, the server may.
    createImageBitmap(file).then((bitmap) => {
      const scale = Math.min(1, 640 / Math.max(bitmap.width, bitmap.height));
      canvas.width = Math.max(1, Math.round(bitmap.width * scale));
      canvas.height = Math.max(1, Math.round(bitmap.height * scale));
      canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
      bitmap.close();
    }).catch(() => {
      const name = document.createElement("span");
      name.className = "sl-quiet";
      name.textContent = file.name;
      canvas.replaceWith(name);
    });
  }

  #removable(entry, name) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sl-button pg-remove";
    button.textContent = "×";
    button.setAttribute("aria-label", `Remove ${name}`);
    button.addEventListener("click", () => {
      entry.row.remove();
      this.entries = this.entries.filter((other) => other !== entry);
      this.changed();
      this.input.focus();
    });
    entry.row.append(button);
  }
}
