// Where pictures come from: files that are chosen, dropped or pasted, a drawing, the camera.

import { $, made, put } from "striate/words";

export class Sources {
  /** taken: called with pictures and their names, [source, name] each; refused: whether none can be taken, which it says. */
  constructor(keys, taken, refused) {
    Object.assign(this, { taken, refused });
    keys.button("choose", "o", "choose a picture", () => refused() || $("file").click());
    keys.button("pad", "w", "draw a picture", () => refused() || this.pad());
    keys.button("camera", "c", "take a picture with the camera", () => refused() || this.camera());
    $("file").addEventListener("change", (event) => this.files(event.target.files));
    addEventListener("paste", (event) => this.files(event.clipboardData.files));
    addEventListener("dragover", (event) => {
      event.preventDefault();
      document.body.classList.add("dropping");
    });
    addEventListener("dragleave", (event) => event.relatedTarget === null && document.body.classList.remove("dropping"));
    addEventListener("drop", (event) => {
      event.preventDefault();
      document.body.classList.remove("dropping");
      this.files(event.dataTransfer.files);
    });
  }

  async files(list) {
    if (list.length && this.refused()) return;
    await this.taken([...list].map((file) => [file, file.name]));
  }

  /** A canvas to draw on, white on black as handwritten digits are. */
  pad() {
    const canvas = made("canvas", { width: 280, height: 280, "aria-label": "Draw here with a pointer" });
    const pen = canvas.getContext("2d");
    const clear = () => {
      pen.fillStyle = "#000";
      pen.fillRect(0, 0, 280, 280);
    };
    clear();
    Object.assign(pen, { strokeStyle: "#fff", lineWidth: 24, lineCap: "round", lineJoin: "round" });
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      pen.beginPath();
      pen.moveTo(event.offsetX, event.offsetY);
      pen.lineTo(event.offsetX, event.offsetY);
      pen.stroke();
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!event.buttons) return;
      pen.lineTo(event.offsetX, event.offsetY);
      pen.stroke();
    });
    this.dialog("Draw", canvas, async () => this.taken([[await new Promise((done) => canvas.toBlob(done)), "drawing"]]), made("button", { type: "button", onclick: clear }, "Clear"));
  }

  async camera() {
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: true });
    } catch (error) {
      put($("state"), `The camera cannot be used here: ${error.message}`);
      return;
    }
    const video = made("video", { autoplay: true, playsinline: true, width: 320 });
    video.srcObject = stream;
    this.dialog("Camera", video, () => this.taken([[video, "camera"]]));
    $("drawing").addEventListener("close", () => stream.getTracks().forEach((track) => track.stop()), { once: true });
  }

  dialog(title, content, use, ...more) {
    const box = $("drawing");
    const take = made("button", { type: "button", class: "strong", onclick: async () => { await use(); box.close(); } }, "Use it");
    const cancel = made("button", { type: "button", onclick: () => box.close() }, "Cancel");
    put(box, made("h2", {}, title), content, made("div", { class: "row" }, take, ...more, cancel));
    box.showModal();
  }
}
