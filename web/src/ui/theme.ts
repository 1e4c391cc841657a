import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from '@mantine/core';
import { t } from '@/i18n';

const brand = Array.from({ length: 10 }, (_, index) => `var(--mp-brand-${index})`) as unknown as MantineColorsTuple;

const overlayProps = { backgroundOpacity: 0.4 };
const titleStyle = { fontSize: 16, fontWeight: 620 };

/** Mantine reads the design tokens (tokens.css); nothing here is a colour a brand could want to change. */
export const theme = createTheme({
  respectReducedMotion: true,
  primaryColor: 'brand',
  primaryShade: { light: 6, dark: 6 },
  colors: {
    brand,
    gray: ['#f7f8fa', '#eff1f5', '#e4e7ed', '#d5dae2', '#b9c0cc', '#8a94a5', '#5b6575', '#4a5363', '#333b49', '#1b2230'],
    dark: ['#e1e5ec', '#c0c7d3', '#9ba4b4', '#6b7484', '#3a4150', '#2a303c', '#20252f', '#181c24', '#12151c', '#0d0f15'],
  },
  fontFamily: 'var(--mp-font)',
  fontFamilyMonospace: 'var(--mp-mono)',
  headings: {
    fontFamily: 'var(--mp-font)',
    fontWeight: '620',
    sizes: {
      h1: { fontSize: '22px', lineHeight: '1.3' },
      h2: { fontSize: '16px', lineHeight: '1.4' },
      h3: { fontSize: '14px', lineHeight: '1.4' },
    },
  },
  fontSizes: { xs: '12px', sm: '13px', md: '14px', lg: '16px', xl: '18px' },
  defaultRadius: 'var(--mp-radius)',
  cursorType: 'pointer',
  focusRing: 'auto',
  components: {
    PasswordInput: { defaultProps: { visibilityToggleButtonProps: { 'aria-label': t('ui.action.showPassword') } } },
    // What destroys is red also where it is not the main thing on the page.
    Button: { defaultProps: { size: 'sm' }, vars: (_: unknown, { variant, color }: { variant?: string; color?: string }) => ({ root: variant === 'default' && color === 'red' ? { '--button-color': 'var(--mp-bad)' } : {} }) },
    Modal: { defaultProps: { centered: true, radius: 12, padding: 20, overlayProps }, styles: { title: titleStyle } },
    Drawer: { defaultProps: { overlayProps }, styles: { title: titleStyle } },
    InputWrapper: { styles: { label: { fontSize: 14, fontWeight: 550 }, description: { fontSize: 13 }, error: { fontSize: 13 } } },
    Switch: { styles: { label: { fontSize: 14 }, description: { fontSize: 13 } } },
    Checkbox: { styles: { label: { fontSize: 14 }, description: { fontSize: 13 } } },
  },
});

export const cssVariables: CSSVariablesResolver = () => {
  const surfaces = {
    '--mantine-color-body': 'var(--mp-surface)',
    '--mantine-color-text': 'var(--mp-text)',
    '--mantine-color-dimmed': 'var(--mp-text-dim)',
    '--mantine-color-default-border': 'var(--mp-border-strong)',
    '--mantine-color-error': 'var(--mp-bad)',
    '--mantine-color-anchor': 'var(--mp-link)',
    '--mantine-color-placeholder': 'var(--mp-text-dim)',
  };
  return { variables: {}, light: surfaces, dark: surfaces };
};
