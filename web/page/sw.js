// Keeps the page for when its server cannot be reached. The page is one file, so this is all there is to keep.
const CACHE = `sparserec:${registration.scope}`;
const PAGES = [registration.scope, `${registration.scope}index.html`];

addEventListener("install", (event) => {
  event.waitUntil(
    caches
      .open(CACHE)
      .then((cache) => cache.add(registration.scope))
      .then(() => skipWaiting()),
  );
});

addEventListener("activate", (event) => event.waitUntil(clients.claim()));

addEventListener("fetch", (event) => {
  const { request } = event;
  const asked = request.url.split(/[?#]/)[0];
  if (request.mode === "navigate" && PAGES.includes(asked)) event.respondWith(page(request));
});

/** The page as the server has it now, or as it was kept. */
async function page(request) {
  const cache = await caches.open(CACHE);
  try {
    const response = await fetch(request);
    if (response.ok) await cache.put(registration.scope, response.clone());
    return response;
  } catch (error) {
    const cached = await cache.match(registration.scope);
    if (cached === undefined) throw error;
    return cached;
  }
}
