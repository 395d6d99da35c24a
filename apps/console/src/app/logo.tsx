import type { ReactNode } from 'react';
import classes from './logo.module.css';

export function Logo(): ReactNode {
  return (
    <span className={classes['logo']}>
      <svg viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
        <rect width="32" height="32" rx="8" className={classes['ground'] ?? ''} />
        <path d="M10 7v18M22 7v18M10 16h12" fill="none" stroke="#fff" strokeWidth="4" strokeLinecap="round" />
      </svg>
      Holdfast
    </span>
  );
}
