import type { CallArguments, Routes } from '@holdfast/protocol';
import { Button, Loader, Modal, Stack, TextInput } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { type ReactNode, type SubmitEvent, useEffect, useRef, useState } from 'react';
import { call } from '../api/call.ts';
import { ApiProblem } from '../api/problem.ts';
import { routeQuery } from '../api/queries.ts';
import { offerConfirmation } from '../api/step-up.ts';
import { ProblemAlert } from '../components/problem-alert.tsx';
import { useText } from '../i18n/language.tsx';
import { assertPasskey } from './passkey.ts';

type Proof = CallArguments<Routes['confirm']>['body']['proof'];

interface Question {
  readonly done: () => void;
  readonly refuse: () => void;
}

/** Asks for a second factor over whatever page is there, whenever an action needs one that was given just now. */
export function ConfirmDialog(): ReactNode {
  const t = useText();
  const [question, setQuestion] = useState<Question>();
  const refused = t('confirm.refused');
  useEffect(() => {
    let open: Question | undefined;
    const withdraw = offerConfirmation(async () => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      open = {
        done: resolve,
        refuse: () => reject(new ApiProblem({ code: 'auth.step-up', status: 403, message: refused })),
      };
      setQuestion(open);
      await promise.finally(() => setQuestion(undefined));
    });
    return () => {
      withdraw();
      // The session has ended under the dialog: nobody answers any more.
      open?.refuse();
    };
  }, [refused]);
  return (
    <Modal
      opened={question !== undefined}
      onClose={() => question?.refuse()}
      centered
      title={t('confirm.title')}
      closeButtonProps={{ 'aria-label': t('confirm.cancel') }}
    >
      {question && <ConfirmForm onDone={question.done} />}
    </Modal>
  );
}

function ConfirmForm({ onDone }: { readonly onDone: () => void }): ReactNode {
  const t = useText();
  const account = useQuery(routeQuery('account', {}));
  const factors = account.data?.user.secondFactors ?? [];
  const hasTotp = factors.some(({ kind }) => kind === 'totp');
  const hasPasskey = factors.some(({ kind }) => kind === 'passkey');
  const [wantsRecoveryCode, setWantsRecoveryCode] = useState(false);
  const kind = wantsRecoveryCode || !hasTotp ? 'recovery-code' : 'totp';
  const [code, setCode] = useState('');
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), [kind, account.isSuccess]);
  const confirm = useMutation({
    mutationFn: async (given: Proof | 'passkey') => {
      const proof: Proof =
        given === 'passkey'
          ? { kind: 'passkey', response: await assertPasskey((await call('passkeyChallenge', {})).passkeyOptions) }
          : given;
      return call('confirm', { body: { proof } });
    },
    onSuccess: onDone,
  });
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    confirm.mutate({ kind, code: code.trim() });
  };
  if (account.isPending) return <Loader aria-label={t('app.loading')} />;
  return (
    <Stack gap="md">
      <p>{t('confirm.lead')}</p>
      {hasPasskey && (
        <Button loading={confirm.isPending} onClick={() => confirm.mutate('passkey')}>
          {t('sign-in.passkey')}
        </Button>
      )}
      <form onSubmit={submit}>
        <Stack gap="md">
          <TextInput
            key={kind}
            label={t(kind === 'totp' ? 'sign-in.totp' : 'sign-in.recovery-code')}
            description={t(kind === 'totp' ? 'sign-in.totp.hint' : 'sign-in.recovery-code.hint')}
            autoComplete="one-time-code"
            inputMode={kind === 'totp' ? 'numeric' : 'text'}
            required
            ref={field}
            data-autofocus
            value={code}
            onChange={({ currentTarget }) => setCode(currentTarget.value)}
          />
          {confirm.error && <ProblemAlert error={confirm.error} />}
          <Button type="submit" loading={confirm.isPending}>
            {t('action.continue')}
          </Button>
        </Stack>
      </form>
      {hasTotp && (
        <Button variant="subtle" onClick={() => setWantsRecoveryCode(!wantsRecoveryCode)}>
          {t(kind === 'totp' ? 'sign-in.use-recovery-code' : 'sign-in.use-totp')}
        </Button>
      )}
    </Stack>
  );
}
