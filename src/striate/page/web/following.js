// The picture goes along: where a window has no room for it beside what one reads, it stands in a corner, with its answer.

import { $ } from "striate/words";

const READ = ["layer", "data"]; // sections that are about the picture

/** Watch what is in sight; a click or a key leads back to the picture. */
export function follow(keys) {
  const seen = new Set();
  const watching = new IntersectionObserver((changes) => {
    for (const { target, isIntersecting } of changes) seen[isIntersecting ? "add" : "delete"](target.id);
    $("shown").classList.toggle("along", !seen.has("frame") && READ.some((id) => seen.has(id)));
  });
  for (const id of ["frame", ...READ]) watching.observe($(id));
  const back = () => {
    $("drop").scrollIntoView();
    $("drop").focus({ preventScroll: true });
  };
  $("shown").addEventListener("click", () => $("shown").classList.contains("along") && back());
  keys.on("q", "go to the picture", back);
}
