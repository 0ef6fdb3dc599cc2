// Boxes beyond whose edge more is to be scrolled to: they fade out there, also where scroll bars are hidden.

const BOXES = ".between, .scroll, .grid-of-maps, #strip, #gallery, #difference, ul.mistakes";

function look(box) {
  box.classList.toggle("more-right", box.scrollLeft + box.clientWidth < box.scrollWidth - 1);
  box.classList.toggle("more-below", box.scrollTop + box.clientHeight < box.scrollHeight - 1);
}

/** Watch all of them within some parts of the page. */
export function watch(...parts) {
  let asked = false;
  const all = () => {
    asked = false;
    document.querySelectorAll(BOXES).forEach(look);
  };
  const later = () => {
    if (!asked) requestAnimationFrame(all);
    asked = true;
  };
  const changes = new MutationObserver(later);
  for (const part of parts) changes.observe(part, { childList: true, subtree: true });
  for (const event of ["resize", "toggle"]) addEventListener(event, later, true);
  addEventListener("scroll", ({ target }) => target.matches?.(BOXES) && look(target), true);
}
