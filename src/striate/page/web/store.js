// What the file carries: texts in base64, some of them packed.

/** The bytes of a part of the page, or null where it has none. */
export function carried(id) {
  const element = document.getElementById(`part-${id}`);
  if (element === null) return null;
  const text = element.textContent;
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
  return bytes;
}

/** The bytes of a part that is packed with gzip. */
export async function unpacked(id) {
  const stream = new Blob([carried(id)]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** What a part of the page says as JSON; null where it has none. */
export async function read(id) {
  return document.getElementById(`part-${id}`) && JSON.parse(new TextDecoder().decode(await unpacked(id)));
}

/** A file for the reader to keep. */
export function kept(name, blob) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
