// Keeps the page for when its server cannot be reached, or something else answers in its place: an error of a gateway,
// the page of a network that wants a login, nothing at all. The page is one file, so this is all there is to keep.
const CACHE = `sparserec:${registration.scope}`;
const PAGES = [registration.scope, `${registration.scope}index.html`];
// Whoever has waited so long sees the page as it was kept; what comes later is there for the next visit.
const PATIENCE = 3000;
// How a page of sparserec is told from others; only a whole one has its end.
const MARK = '<script id="model" type="text/plain">';
const END = "</html>";
// The mark stands before the model, in so many bytes.
const HEAD = 262_144;
const GONE = 410;

addEventListener("install", (event) => event.waitUntil(install()));
addEventListener("activate", (event) => event.waitUntil(clients.claim()));

addEventListener("fetch", (event) => {
  const { request } = event;
  const asked = request.url.split(/[?#]/)[0];
  if (request.mode !== "navigate" || request.method !== "GET" || !PAGES.includes(asked)) return;
  const fresh = fresherPage();
  event.waitUntil(fresh.catch(() => {}));
  event.respondWith(answer(request, fresh));
});

async function install() {
  if ((await fresherPage()) === null) throw new Error("the server did not answer with the page");
  await skipWaiting();
}

/** The page as the server has it now, if it answers in time, else as it was kept. */
async function answer(request, fresh) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(registration.scope);
  if (kept === undefined) return fetch(request);
  const patience = new Promise((done) => setTimeout(done, PATIENCE, null));
  const response = await Promise.race([fresh, patience]).catch(() => null);
  return response ?? kept;
}

/**
 * Ask the server for the page and keep it. Gives null when what comes is not the page; one that the server says is gone
 * is not kept any more.
 */
async function fresherPage() {
  const response = await fetch(registration.scope, { cache: "no-cache", credentials: "same-origin" });
  if (response.status === GONE) {
    await caches.delete(CACHE);
    await registration.unregister();
    return response;
  }
  if (!response.ok) return null;
  const bytes = await response.arrayBuffer();
  if (!isThePage(bytes)) return null;
  const headers = new Headers(response.headers);
  // Of the bytes as they were sent.
  headers.delete("Content-Encoding");
  headers.delete("Content-Length");
  const page = new Response(bytes, { headers });
  const cache = await caches.open(CACHE);
  await cache.put(registration.scope, page.clone());
  return page;
}

function isThePage(bytes) {
  const decoder = new TextDecoder();
  return decoder.decode(bytes.slice(0, HEAD)).includes(MARK) && decoder.decode(bytes.slice(-64)).trimEnd().endsWith(END);
}
