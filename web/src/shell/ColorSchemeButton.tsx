import { useComputedColorScheme, useMantineColorScheme } from '@mantine/core';
import { Moon, Sun } from 'lucide-react';
import { t } from '@/i18n';
import classes from './Shell.module.css';

export function ColorSchemeButton() {
  const { setColorScheme } = useMantineColorScheme();
  const dark = useComputedColorScheme('light') === 'dark';
  const label = t(dark ? 'shell.scheme.light' : 'shell.scheme.dark');
  return (
    <button type="button" className={classes.icon} onClick={() => setColorScheme(dark ? 'light' : 'dark')} aria-label={label} title={label}>
      {dark ? <Sun size={18} aria-hidden /> : <Moon size={18} aria-hidden />}
    </button>
  );
}
