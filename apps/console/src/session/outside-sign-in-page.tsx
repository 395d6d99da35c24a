import { Loader } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { Navigate, useRouter } from '@tanstack/react-router';
import { type ReactNode, useEffect, useState } from 'react';
import { call } from '../api/call.ts';
import { ProblemAlert } from '../components/problem-alert.tsx';
import { useText } from '../i18n/language.tsx';
import { OutsideFrame } from './outside-frame.tsx';
import { takeOutsideAnswer } from './outside-sign-in.ts';
import { type PendingSignIn, SecondFactorForm } from './second-factor-form.tsx';
import { signedIn } from './session.tsx';
import { SignInForm } from './sign-in-form.tsx';

/** Taken when this part is loaded: the provider's answer is good for one sign-in. */
const returned = takeOutsideAnswer();

/** Where a provider elsewhere sends people back to: the second factor of their account here is asked for as ever. */
export function OutsideSignInPage(): ReactNode {
  const t = useText();
  const router = useRouter();
  const [pending, setPending] = useState<PendingSignIn>();
  const arrive = async (due: Parameters<typeof signedIn>[0]): Promise<void> => {
    router.history.replace(returned?.to ?? '/');
    // Else this page's own route is shown first, which leads elsewhere.
    await router.load();
    signedIn(due);
  };
  const complete = useMutation({
    mutationFn: ({ provider, pending, answer }: NonNullable<typeof returned>) =>
      call('completeOutsideSignIn', { body: { provider, pending, answer } }),
    retry: false,
    onSuccess: async (answer) => {
      if (answer.state === 'signed-in') await arrive(answer.due);
      else setPending(answer);
    },
  });
  const { mutate } = complete;
  useEffect(() => {
    if (returned) mutate(returned);
  }, [mutate]);
  return (
    <OutsideFrame title={t('sign-in.title')} lead={t('sign-in.lead', { host: location.hostname })}>
      {pending ? (
        <SecondFactorForm pending={pending} onSignedIn={arrive} onCancel={() => setPending(undefined)} />
      ) : complete.isPending ? (
        <Loader aria-label={t('app.loading')} />
      ) : (
        <>
          {complete.error ? <ProblemAlert error={complete.error} /> : <p>{t('sign-in.outside.again')}</p>}
          <SignInForm />
        </>
      )}
    </OutsideFrame>
  );
}

/** Of somebody who has signed in meanwhile. */
export function SignedInAlready(): ReactNode {
  return <Navigate to="/" replace />;
}
