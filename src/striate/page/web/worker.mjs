// Python, in a worker of its own: what asks and is answered comes and goes as texts.

let workshop;

/** The address of a module out of its text. */
const addressOf = (bytes) => URL.createObjectURL(new Blob([bytes], { type: "text/javascript" }));

/** Start Python; Pyodide asks for its files, and gets them out of what the page carries. */
async function start({ pyodide: loader, module, wasm, library, striate }) {
  const files = { "pyodide.asm.wasm": [wasm, "application/wasm"], "python_stdlib.zip": [library, "application/zip"] };
  globalThis.fetch = async (url) => {
    const [bytes, type] = files[String(url).split("/").at(-1)];
    return new Response(bytes, { headers: { "Content-Type": type } });
  };
  const [{ loadPyodide }, { default: createPyodideModule }] = await Promise.all([import(addressOf(loader)), import(addressOf(module))]);
  const lockFileContents = { info: { abi_version: "2026_0" }, packages: {} }; // this Pyodide's, and no packages
  const python = await loadPyodide({ indexURL: "page:/", createPyodideModule, lockFileContents });
  for (const [file, text] of Object.entries(JSON.parse(new TextDecoder().decode(striate)))) {
    python.FS.mkdirTree(`/modules/${file}`.replace(/[^/]*$/, ""));
    python.FS.writeFile(`/modules/${file}`, text);
  }
  python.runPython('import sys; sys.path.append("/modules")');
  workshop = python.pyimport("striate.page.workshop");
}

onmessage = async ({ data: { id, files, ask, given } }) => {
  try {
    postMessage({ id, answer: files ? await start(files) : workshop[ask](...given) });
  } catch (error) {
    postMessage({ id, fault: error.message.trim().split("\n").at(-1) }); // of Python's traceback the last line
  }
};
