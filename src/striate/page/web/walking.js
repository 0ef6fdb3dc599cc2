// The network's picture by keys: from box to box, open and fold.

/** Listen to the keys of a diagram. */
export function walks(diagram) {
  const { svg } = diagram;
  svg.addEventListener("keydown", (event) => pressed(diagram, event));
  svg.addEventListener("focusin", (event) => event.target === svg && diagram.boxes.length && diagram.reach(diagram.boxes[0]));
}

function pressed(diagram, event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const { boxes, open } = diagram;
  const along = ({ x, y }) => (diagram.look.turned ? [x, y] : [y, x]);
  const order = (one, other) => along(one)[0] - along(other)[0] || along(one)[1] - along(other)[1];
  const shown = [...boxes].sort(order);
  const at = shown.findIndex(({ group }) => group === document.activeElement);
  const part = shown[at]?.part ?? null;
  const opened = part !== null && open.has(part.path);
  const go = (i) => diagram.focus(shown[Math.max(0, Math.min(shown.length - 1, i))].part.path);
  const acts = {
    ArrowDown: () => go(at + 1),
    ArrowUp: () => go(at - 1),
    Home: () => go(0),
    End: () => go(shown.length - 1),
    ArrowRight: () => part && part.call === undefined && !opened && diagram.fold(part.path, true),
    ArrowLeft: () => {
      if (!part) return;
      const outer = opened ? part.path : part.path.split(".").slice(0, -1).join(".");
      if (outer !== "") diagram.fold(outer, false);
    },
    Enter: () => part && diagram.act(part),
    " ": () => acts.Enter(),
  };
  if (!acts[event.key]) return;
  event.preventDefault();
  acts[event.key]();
}
