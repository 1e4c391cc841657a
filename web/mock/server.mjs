// Serves the built panel and the mock API with the security headers of the real edge. Development only.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createBackend } from './backend.mjs';

const DIST = fileURLToPath(new URL('../dist', import.meta.url));
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.woff2': 'font/woff2' };
export const CSP = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";

async function file(path) {
  const name = normalize(path).replace(/^(\.\.[/\\])+/, '');
  try {
    return { body: await readFile(join(DIST, name)), type: TYPES[extname(name)] ?? 'application/octet-stream' };
  } catch {
    return { body: await readFile(join(DIST, 'index.html')), type: TYPES['.html'] };
  }
}

export function start(backend, port = 0) {
  const server = createServer(async (req, res) => {
    const url = new URL(req.url, `http://${req.headers.host}`);
    if (url.pathname === '/api/v1/events') {
      if (!backend.db.loggedIn) return res.writeHead(401).end();
      res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
      res.write(': hello\n\n');
      const stop = backend.subscribe((event) => res.write(`id: ${event.id}\ndata: ${JSON.stringify(event)}\n\n`));
      return req.on('close', stop);
    }
    if (url.pathname.startsWith('/api/')) {
      const chunks = [];
      try {
        for await (const chunk of req) chunks.push(chunk);
      } catch {
        return res.destroy(); // The browser went away in the middle of its request.
      }
      const body = chunks.length ? Buffer.concat(chunks) : undefined;
      const answer = await backend.handle(new Request(url, { method: req.method, headers: req.headers, body }));
      res.writeHead(answer.status, Object.fromEntries(answer.headers));
      return res.end(Buffer.from(await answer.arrayBuffer()));
    }
    const { body, type } = await file(url.pathname === '/' ? 'index.html' : url.pathname);
    res.writeHead(200, { 'content-type': type, 'content-security-policy': CSP, 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' });
    res.end(body);
  });
  return new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve({ server, url: `http://127.0.0.1:${server.address().port}` })));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const fresh = process.argv.includes('--fresh');
  const { url } = await start(createBackend({ demo: !fresh }), Number(process.env.PORT ?? 7090));
  console.log(fresh ? `${url}/claim#claim-token` : url);
}
