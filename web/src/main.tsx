import '@fontsource-variable/inter/wght.css';
import './ui/mantine.css';
import './ui/controls.css';
import './ui/tokens.css';
import './ui/base.css';
import { DirectionProvider, MantineProvider } from '@mantine/core';
import { QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { takeFragment } from './api/fragment';
import { queryClient } from './queryClient';
import { createAppRouter } from './router';
import { cssVariables, theme } from './ui/theme';
import { Toasts } from './ui/toast';

takeFragment();
// A second link opened in the same tab changes only the fragment.
window.addEventListener('hashchange', takeFragment);

const root = document.getElementById('root');
if (!root) throw new Error('index.html has no root element');
createRoot(root).render(
  <StrictMode>
    <DirectionProvider>
      <MantineProvider theme={theme} cssVariablesResolver={cssVariables} defaultColorScheme="auto">
        <QueryClientProvider client={queryClient}>
          <RouterProvider router={createAppRouter(queryClient)} />
          <Toasts />
        </QueryClientProvider>
      </MantineProvider>
    </DirectionProvider>
  </StrictMode>,
);
