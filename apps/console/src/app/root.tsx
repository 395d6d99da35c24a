import { Center, Loader } from '@mantine/core';
import { useLocation } from '@tanstack/react-router';
import { lazy, type ReactNode, Suspense } from 'react';
import { useText } from '../i18n/language.tsx';
import { outsideReturnPath } from '../session/outside-sign-in.ts';
import { useSession } from '../session/session.tsx';
import { Shell } from './shell.tsx';

const SignInPage = lazy(async () => ({ default: (await import('../session/sign-in-page.tsx')).SignInPage }));
const OutsideSignInPage = lazy(async () => ({
  default: (await import('../session/outside-sign-in-page.tsx')).OutsideSignInPage,
}));
const SetUpPage = lazy(async () => ({ default: (await import('../session/set-up-page.tsx')).SetUpPage }));
const DuePage = lazy(async () => ({ default: (await import('../session/due-page.tsx')).DuePage }));
const ConfirmDialog = lazy(async () => ({ default: (await import('../session/confirm-dialog.tsx')).ConfirmDialog }));
const SignInAgain = lazy(async () => ({ default: (await import('../session/sign-in-again.tsx')).SignInAgain }));

/** What is shown depends first on who looks: the address stays, so that signing in leads to what was asked for. */
export function Root(): ReactNode {
  const session = useSession();
  const { pathname } = useLocation();
  return (
    <>
      <Suspense fallback={<Waiting />}>
        {session.kind === 'unknown' && <Waiting />}
        {session.kind === 'signed-out' && <SignedOut setUpNeeded={session.setUpNeeded} pathname={pathname} />}
        {session.kind === 'due' && <DuePage what={session.what} />}
        {(session.kind === 'signed-in' || session.kind === 'expired') && <Shell />}
      </Suspense>
      {/* The page neither waits for its dialogues, nor goes while one is on its way. */}
      <Suspense fallback={null}>
        {session.kind === 'signed-in' && <ConfirmDialog />}
        {session.kind === 'expired' && <SignInAgain />}
      </Suspense>
    </>
  );
}

function SignedOut(o: { readonly setUpNeeded: boolean; readonly pathname: string }): ReactNode {
  if (o.setUpNeeded || o.pathname === '/set-up') return <SetUpPage needed={o.setUpNeeded} />;
  return o.pathname === outsideReturnPath ? <OutsideSignInPage /> : <SignInPage />;
}

function Waiting(): ReactNode {
  const t = useText();
  return (
    <Center component="main" h="100vh">
      <Loader aria-label={t('app.loading')} />
    </Center>
  );
}
