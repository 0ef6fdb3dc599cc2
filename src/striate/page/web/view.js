// Which piece of the network's picture is in sight: moved by pointers, zoomed by wheels and two fingers.

const [LEAST, MOST] = [0.03, 4]; // scales
const FULL = 1; // the most at which a picture is shown to begin with
const READ = 0.8; // the least scale at which a long network is shown to begin with
const NEAR = 8; // pixels from an edge, within which a box is not in sight

export class View {
  /** svg: the element; scene: the group in it that is moved; moved: called when another piece is in sight. */
  constructor(svg, scene, moved) {
    Object.assign(this, { svg, scene, moved, x: 0, y: 0, scale: 1, dragged: false });
    this.measure();
    new ResizeObserver(() => {
      this.measure();
      this.show();
    }).observe(svg);
    this.wheels();
    this.drags();
  }

  /** See how large the element is; while it is hidden, it is as large as it was. */
  measure() {
    const { width, height } = this.svg.getBoundingClientRect();
    if (width) Object.assign(this, { width, height });
  }

  /** Show the piece that is chosen. */
  show() {
    this.scene.setAttribute("transform", `translate(${this.x.toFixed(1)} ${this.y.toFixed(1)}) scale(${this.scale.toFixed(6)})`);
    this.moved();
  }

  /** What is in sight, in the picture's own measure: {x, y, w, h}. */
  get piece() {
    const { x, y, scale, width, height } = this;
    return { x: -x / scale, y: -y / scale, w: width / scale, h: height / scale };
  }

  /** Have a place of the picture in the middle. */
  go(x, y) {
    Object.assign(this, { x: this.width / 2 - x * this.scale, y: this.height / 2 - y * this.scale });
    this.show();
  }

  /** Move so that a box is in sight, where it is not. */
  bring({ x, y, w, h }) {
    const { width, height, scale } = this;
    const [left, top] = [x * scale + this.x, y * scale + this.y];
    if (left < NEAR || left + w * scale > width - NEAR) this.x = width / 2 - (x + w / 2) * scale;
    if (top < NEAR || top + h * scale > height - NEAR) this.y = height / 3 - (y + h / 2) * scale;
    this.show();
  }

  /** All of a picture of some size in sight, or, unless the whole is wanted, of a long one its beginning at a size that can be read. */
  fit({ w, h }, turned, whole) {
    const { width, height } = this;
    const at = ([across, along]) => (turned ? [along, across] : [across, along]);
    const [across, along] = at([(width - 32) / w, (height - 32) / h]);
    const scale = Math.min(FULL, whole ? Math.min(across, along) : Math.max(Math.min(across, along), Math.min(READ, across)));
    const places = at([(width - w * scale) / 2, (height - h * scale) / 2]);
    const [x, y] = at([places[0], Math.max(16, places[1])]);
    Object.assign(this, { scale, x, y });
    this.show();
  }

  zoom(factor, [x, y] = [this.width / 2, this.height / 2]) {
    const scale = Math.min(MOST, Math.max(LEAST, this.scale * factor));
    const by = scale / this.scale;
    Object.assign(this, { scale, x: x - (x - this.x) * by, y: y - (y - this.y) * by });
    this.show();
  }

  // -- pointers ------------------------------------------------------------------------------------------------------
  /** Where a pointer is. */
  place(event) {
    const { left, top } = this.svg.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  }

  wheels() {
    this.svg.addEventListener("wheel", (event) => {
      event.preventDefault();
      if (event.ctrlKey || !event.shiftKey) this.zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015)), this.place(event));
      else {
        this.x -= event.deltaY;
        this.show();
      }
    }, { passive: false });
  }

  /** One pointer moves the picture, two zoom it; dragged: whether the last that was pressed did. */
  drags() {
    const { svg } = this;
    const down = new Map();
    let spread = 0;
    svg.addEventListener("pointerdown", (event) => {
      down.set(event.pointerId, [event.clientX, event.clientY]);
      this.dragged = false;
      spread = 0;
    });
    svg.addEventListener("pointermove", (event) => {
      const last = down.get(event.pointerId);
      if (!last) return;
      const [dx, dy] = [event.clientX - last[0], event.clientY - last[1]];
      if (!this.dragged && Math.hypot(dx, dy) < 4) return;
      if (!this.dragged) svg.setPointerCapture(event.pointerId);
      this.dragged = true;
      down.set(event.pointerId, [event.clientX, event.clientY]);
      if (down.size === 2) {
        const [a, b] = [...down.values()];
        const now = Math.hypot(a[0] - b[0], a[1] - b[1]);
        if (spread) this.zoom(now / spread, this.place(event));
        spread = now;
        return;
      }
      this.x += dx;
      this.y += dy;
      this.show();
    });
    for (const name of ["pointerup", "pointercancel", "pointerleave"]) svg.addEventListener(name, (event) => down.delete(event.pointerId));
  }
}
