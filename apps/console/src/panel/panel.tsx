import { Button, Center, Loader } from '@mantine/core';
import { IconLogout } from '@tabler/icons-react';
import { QueryClientProvider, useQuery } from '@tanstack/react-query';
import { type ReactNode, useEffect } from 'react';
import { createQueryClient } from '../api/query-client.ts';
import { Appearance } from '../app/appearance.tsx';
import { Logo } from '../app/logo.tsx';
import { Look } from '../app/look.tsx';
import { CopyLine } from '../components/copy-line.tsx';
import { ProblemAlert } from '../components/problem-alert.tsx';
import { useText } from '../i18n/language.tsx';
import { OutsideFrame } from '../session/outside-frame.tsx';
import { BackupsPage } from './backups-page.tsx';
import classes from './panel.module.css';
import { usePanelAddress } from './panel-address.ts';
import { enter, isLink, leave, panelSessionEnded, usePanelSession } from './panel-session.ts';
import { stateQuery } from './panel-state.ts';
import { StatePage } from './state-page.tsx';

const queryClient = createQueryClient(panelSessionEnded);

/** The control panel of one computer, which its agent serves on the loopback interface. */
export function Panel(): ReactNode {
  return (
    <Look>
      <QueryClientProvider client={queryClient}>
        <Entrance />
      </QueryClientProvider>
    </Look>
  );
}

function Entrance(): ReactNode {
  const t = useText();
  const session = usePanelSession();
  useEffect(() => {
    void enter();
    // A new link may be opened in the same tab, which then only changes what stands behind the #.
    const follow = (): void => {
      if (isLink(location.hash)) void enter();
    };
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  if (session.kind === 'in') return <Frame />;
  if (session.kind === 'unknown')
    return (
      <Center component="main" h="100vh">
        <Loader aria-label={t('app.loading')} />
      </Center>
    );
  return (
    <OutsideFrame title={t('panel.closed')} lead={t('panel.closed.lead')}>
      {session.problem && <ProblemAlert error={session.problem} />}
      <CopyLine label={t('panel.command')}>sudo holdfast panel</CopyLine>
    </OutsideFrame>
  );
}

function Frame(): ReactNode {
  const t = useText();
  const state = useQuery(stateQuery);
  const address = usePanelAddress();
  const { policyId, snapshotId } = address.page === 'backups' ? address : {};
  const policy = state.data?.policies.find(({ id }) => id === policyId);
  return (
    <div className={classes['frame']}>
      <header className={classes['bar']}>
        <Logo />
        <div className={classes['own']}>
          <Appearance />
          <Button
            variant="subtle"
            size="compact-sm"
            leftSection={<IconLogout size={16} aria-hidden="true" />}
            onClick={() => void leave()}
          >
            {t('account.sign-out')}
          </Button>
        </div>
      </header>
      <main className={classes['main']}>
        {state.error && state.error.code === 'unreachable' ? (
          <p role="status" className={classes['away']}>
            {t('panel.unreachable')}
          </p>
        ) : (
          state.error && <ProblemAlert error={state.error} />
        )}
        {state.data &&
          (policy ? (
            <BackupsPage state={state.data} policy={policy} snapshotId={snapshotId} />
          ) : (
            <StatePage state={state.data} />
          ))}
      </main>
    </div>
  );
}
