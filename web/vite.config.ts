import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

// The dev server passes the API to a running panel, which takes requests only from its own origin.
const upstream = (process.env['MPANEL_URL'] ?? 'http://127.0.0.1:7080').replace(/\/$/, '');

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  server: { proxy: { '/api': { target: upstream, changeOrigin: true, headers: { origin: upstream } } } },
  build: {
    target: 'es2022',
    // Inlined assets would need `data:` sources in the content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    chunkSizeWarningLimit: 700,
    // An icon is a few hundred bytes: one file for each would be mostly requests.
    rolldownOptions: { output: { codeSplitting: { includeDependenciesRecursively: false, groups: [{ name: 'icons', test: /node_modules\/lucide-react\// }] } } },
  },
  test: { environment: 'jsdom', include: ['tests/**/*.test.{ts,tsx}'] },
});
