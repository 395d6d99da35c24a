// What the theme writes into the page needs it.
import './trusted-types.ts';
import { type CSSVariablesResolver, createTheme, type MantineColorsTuple } from '@mantine/core';

/** A calm blue-green: dark enough for white text on it (contrast 4.5 and more from the seventh shade on). */
const sea: MantineColorsTuple = [
  '#eaf7f9',
  '#d9ecef',
  '#b0d8df',
  '#84c3ce',
  '#60b2c0',
  '#49a7b8',
  '#2f93a5',
  '#1b7789',
  '#0f6475',
  '#004f5e',
];

export const theme = createTheme({
  colors: { sea },
  primaryColor: 'sea',
  primaryShade: { light: 8, dark: 7 },
  defaultRadius: 'md',
  cursorType: 'pointer',
  focusRing: 'auto',
  fontFamily: "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif",
  fontFamilyMonospace: "ui-monospace, 'SF Mono', 'Cascadia Mono', Menlo, 'DejaVu Sans Mono', monospace",
  headings: { fontWeight: '650' },
});

/**
 * Mantine writes style elements, which the Content-Security-Policy allows only with the value that the server puts into each answer
 * (`style-src 'nonce-…'`). Style attributes are none in it: React sets styles through the CSSOM, which the policy does not concern.
 */
export function styleNonce(): string {
  return document.querySelector<HTMLMetaElement>('meta[name=style-nonce]')?.content ?? '';
}

/** Where Mantine's own colours differ from those of app.css. */
export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-body': 'var(--surface)',
    '--mantine-color-text': 'var(--ink)',
    '--mantine-color-dimmed': 'var(--ink-soft)',
    '--mantine-color-placeholder': 'var(--ink-soft)',
    '--mantine-color-error': 'var(--bad)',
    '--mantine-color-default-border': 'var(--line-strong)',
  },
  dark: {
    '--mantine-color-body': 'var(--surface)',
    '--mantine-color-text': 'var(--ink)',
    '--mantine-color-dimmed': 'var(--ink-soft)',
    '--mantine-color-placeholder': 'var(--ink-soft)',
    '--mantine-color-error': 'var(--bad)',
    '--mantine-color-default-border': 'var(--line-strong)',
  },
});
