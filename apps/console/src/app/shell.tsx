import { ActionIcon, Button } from '@mantine/core';
import { IconMenu2, IconX } from '@tabler/icons-react';
import { useQueryClient } from '@tanstack/react-query';
import { useLocation } from '@tanstack/react-router';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { followServer, useConnection } from '../api/live.ts';
import { useText } from '../i18n/language.tsx';
import { sessionEnded, useSession } from '../session/session.tsx';
import { AccountMenu } from './account-menu.tsx';
import { Logo } from './logo.tsx';
import { Navigation } from './navigation.tsx';
import { Page } from './page.tsx';
import classes from './shell.module.css';

/** Navigation at the side, on phones behind a button, and the page beside it. */
export function Shell(): ReactNode {
  const t = useText();
  const [isOpen, setIsOpen] = useState(false);
  const { pathname } = useLocation();
  const main = useRef<HTMLElement>(null);
  useServerEvents();
  useFocusOnNavigation(main, pathname);
  useEffect(() => setIsOpen(false), [pathname]);
  return (
    <div className={classes['shell']}>
      <a className={classes['skip']} href="#main">
        {t('app.skip')}
      </a>
      <section className={classes['side']} aria-label={t('app.menu')}>
        <div className={classes['head']}>
          <Logo />
          <ActionIcon
            className={classes['toggle'] ?? ''}
            variant="subtle"
            size="lg"
            aria-label={t(isOpen ? 'app.menu.close' : 'app.menu.open')}
            aria-expanded={isOpen}
            aria-controls="navigation"
            onClick={() => setIsOpen(!isOpen)}
          >
            {isOpen ? <IconX /> : <IconMenu2 />}
          </ActionIcon>
        </div>
        <div id="navigation" className={classes['menu']} data-open={isOpen}>
          <Navigation />
          <AccountMenu />
        </div>
      </section>
      <main id="main" ref={main} tabIndex={-1} className={classes['main']}>
        <ConnectionNotice />
        <Page />
      </main>
    </div>
  );
}

/** The cache follows the server for as long as somebody is signed in. */
function useServerEvents(): void {
  const client = useQueryClient();
  const session = useSession();
  const isSignedIn = session.kind === 'signed-in';
  useEffect(() => {
    if (!isSignedIn) return undefined;
    const stop = new AbortController();
    void followServer(client, { signal: stop.signal, onSignedOut: sessionEnded });
    return () => stop.abort();
  }, [client, isSignedIn]);
}

/** Whoever uses a screen reader or the keyboard goes on in the new page, not in the link that led there. */
function useFocusOnNavigation(main: { readonly current: HTMLElement | null }, pathname: string): void {
  const shown = useRef(pathname);
  useEffect(() => {
    if (shown.current === pathname) return;
    shown.current = pathname;
    main.current?.focus({ preventScroll: true });
  }, [main, pathname]);
}

function ConnectionNotice(): ReactNode {
  const t = useText();
  const connection = useConnection();
  return (
    <div role="status" className={classes['notice']}>
      {connection === 'reconnecting' && (
        <p>
          <strong>{t('app.reconnecting')}</strong> {t('app.reconnecting.hint')}{' '}
          <Button size="compact-sm" variant="default" onClick={() => location.reload()}>
            {t('action.reload')}
          </Button>
        </p>
      )}
    </div>
  );
}
