import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants } from 'node:zlib';
import react from '@vitejs/plugin-react';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

// The dev server passes the API to a running panel, which takes requests only from its own origin.
const upstream = (process.env['MPANEL_URL'] ?? 'http://127.0.0.1:7080').replace(/\/$/, '');

/** What a first visit loads at most: compressed bytes of scripts and of styles, and how many files they are. */
const BUDGET = { script: 190_000, style: 25_000, files: 28 };
const FIRST_VISITS = [
  ['LoginPage.tsx', 'en/identity.json'],
  ['Shell.tsx', 'OverviewPage.tsx', 'en/overview.json'],
];

/**
 * What is small and stands on nearly every page is one file each: of its own it would be mostly requests. What is large (tables, forms, choices, dialogues)
 * stays by itself, for the pages that have it.
 */
const TOGETHER = {
  icons: /node_modules\/lucide-react\//,
  /** What the login has as well. */
  inputs:
    /@mantine\/core\/esm\/(components\/(ActionIcon|CloseButton|InlineInput|Input|InputBase|Loader|TextInput)\/|components\/Checkbox\/CheckIcon|core\/(Box\/get-style-object|styles-api\/use-resolved|utils\/(create-safe-context|noop)))|@mantine\/hooks\/esm\/(utils\/random-id|use-(click-outside|debounced|disclosure|id|merged-ref|uncontrolled))/,
  /** The frame of every page behind it. */
  page: /\/src\/(api\/(acting|operations|query)|shell\/(nav|Shell\.module)|ui\/(ApiPanel|ConfirmDelete|Copy|directory|lazyDialog|Page|siteState|state|story))\.|@mantine\/core\/esm\/components\/(Collapse|CopyButton|Progress)\/|use-(clipboard|horizontal-collapse)|react-query\/.*useMutation|query-core\/.*mutationObserver/,
};

/** Fails the build when a first visit, the pages and texts of `FIRST_VISITS` with all that they import, outgrows the budget. */
function firstLoad(): Plugin {
  return {
    name: 'first-load',
    apply: 'build',
    generateBundle(_, bundle) {
      // As the panel serves it.
      const size = (name: string) => {
        const file = bundle[name];
        return brotliCompressSync(file?.type === 'chunk' ? file.code : (file?.source ?? ''), { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } }).length;
      };
      const chunks = Object.values(bundle).filter((file) => file.type === 'chunk');
      for (const pages of FIRST_VISITS) {
        const loaded = new Set<string>();
        const visit = (name: string): void => {
          if (loaded.has(name)) return;
          loaded.add(name);
          const file = bundle[name];
          if (file?.type !== 'chunk') return;
          for (const next of [...file.imports, ...(file.viteMetadata?.importedCss ?? [])]) visit(next);
        };
        for (const chunk of chunks) if (chunk.isEntry) visit(chunk.fileName);
        for (const page of pages) {
          const chunk = chunks.find(({ facadeModuleId }) => facadeModuleId?.endsWith(`/${page}`));
          if (!chunk) this.error(`first load: no file is made of ${page}`);
          visit(chunk.fileName);
        }
        const sum = (kind: string) => [...loaded].filter((name) => name.endsWith(kind)).reduce((bytes, name) => bytes + size(name), 0);
        const found = { script: sum('.js'), style: sum('.css'), files: loaded.size };
        const told = `first load of ${pages.join(' and ')}: ${found.script} bytes of script, ${found.style} of styles, ${found.files} files`;
        this.info(told);
        if (found.script > BUDGET.script || found.style > BUDGET.style || found.files > BUDGET.files) {
          this.error(`${told}; at most ${BUDGET.script}, ${BUDGET.style} and ${BUDGET.files}. Load what it does not need later, or say why it needs more.`);
        }
      }
    },
  };
}

export default defineConfig({
  plugins: [react(), firstLoad()],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  server: { proxy: { '/api': { target: upstream, changeOrigin: true, headers: { origin: upstream } } } },
  build: {
    target: 'es2022',
    // Inlined assets would need `data:` sources in the content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    chunkSizeWarningLimit: 700,
    rolldownOptions: { output: { codeSplitting: { includeDependenciesRecursively: false, groups: Object.entries(TOGETHER).map(([name, test]) => ({ name, test })) } } },
  },
  test: { environment: 'jsdom', include: ['tests/**/*.test.{ts,tsx}'], setupFiles: ['tests/setup.ts'] },
});
