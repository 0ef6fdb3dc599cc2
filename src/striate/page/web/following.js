// The picture goes along: where a window has no room for it beside what one reads, it stands in a corner, with its answer.

import { $ } from "striate/words";

const READ = ["layer", "data"]; // sections that are about the picture

/** Watch what is in sight; a click or a key leads back to the picture. */
export function follow(keys) {
  const seen = new Set();
  const watch = (ids, rootMargin) => {
    const watching = new IntersectionObserver((changes) => {
      for (const { target, isIntersecting } of changes) seen[isIntersecting ? "add" : "delete"](target.id);
      $("shown").classList.toggle("along", !seen.has("frame") && READ.some((id) => seen.has(id)));
    }, { rootMargin });
    for (const id of ids) watching.observe($(id));
  };
  watch(["frame"], "0px");
  watch(READ, "0px 0px -50% 0px"); // what is read stands in the upper half of the window
  const back = () => {
    $("drop").scrollIntoView();
    $("drop").focus({ preventScroll: true });
  };
  $("shown").addEventListener("click", () => $("shown").classList.contains("along") && back());
  keys.on("q", "go to the picture", back);
}
