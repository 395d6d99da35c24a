import { Button } from '@mantine/core';
import { IconCheck, IconCopy } from '@tabler/icons-react';
import { type ReactNode, useState } from 'react';
import { useText } from '../i18n/language.tsx';
import classes from './copy-line.module.css';

/** A command to copy: it wraps, so that all of it can be seen. */
export function CopyLine({ label, children }: { readonly label: string; readonly children: string }): ReactNode {
  const t = useText();
  const [isCopied, setIsCopied] = useState(false);
  return (
    <div className={classes['line']}>
      <pre className={classes['text']} tabIndex={0} role="region" aria-label={label}>
        {children}
      </pre>
      <Button
        size="compact-sm"
        variant="default"
        leftSection={isCopied ? <IconCheck size={15} aria-hidden="true" /> : <IconCopy size={15} aria-hidden="true" />}
        onClick={() => void navigator.clipboard.writeText(children).then(() => setIsCopied(true))}
      >
        {t(isCopied ? 'action.copied' : 'action.copy')}
      </Button>
    </div>
  );
}
