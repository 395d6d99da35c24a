import { type RefObject, useEffect, useRef } from 'react';

/**
 * What is beside the map: it comes into sight when something else is shown in it (on a phone it lies below), and whoever works with
 * the keyboard is not left nowhere when the button that was pressed is gone with what was shown before.
 */
export function usePanel(shown: string): RefObject<HTMLDivElement | null> {
  const panel = useRef<HTMLDivElement>(null);
  const before = useRef<string>(undefined);
  useEffect(() => {
    panel.current?.scrollIntoView({ block: 'nearest' });
    if (before.current !== undefined && before.current !== shown && isNowhere()) panel.current?.focus();
    before.current = shown;
  }, [shown]);
  useEffect(() => {
    const opener = document.activeElement;
    return () => {
      if (isNowhere() && opener instanceof HTMLElement && opener.isConnected) opener.focus();
    };
  }, []);
  return panel;
}

function isNowhere(): boolean {
  return document.activeElement === document.body || document.activeElement === null;
}
