import type { Answer } from '@holdfast/protocol';
import { Button, Group, Stack, TextInput } from '@mantine/core';
import { type ReactNode, type SubmitEvent, useState } from 'react';
import { encode } from 'uqr';
import { useAction } from '../../api/queries.ts';
import { CopyLine } from '../../components/copy-line.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { useText } from '../../i18n/language.tsx';
import classes from './totp-set-up.module.css';

/** The secret goes into the app by its picture; a first code shows that it has arrived. */
export function TotpSetUp(o: {
  readonly begun: Answer<'addTotp'>;
  readonly onDone: (recoveryCodes: readonly string[] | undefined) => void;
  readonly onCancel: () => void;
}): ReactNode {
  const t = useText();
  const [code, setCode] = useState('');
  const confirm = useAction('confirmTotp', ['account']);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    confirm.mutate(
      { params: { id: o.begun.id }, body: { code: code.trim() } },
      { onSuccess: ({ recoveryCodes }) => o.onDone(recoveryCodes) },
    );
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="md">
        <p>{t('totp.scan')}</p>
        <QrCode text={o.begun.uri} label={t('totp.picture')} />
        <a href={o.begun.uri}>{t('due.factor.open')}</a>
        <CopyLine label={t('due.factor.secret')}>{o.begun.secret}</CopyLine>
        <Group align="flex-end">
          <TextInput
            label={t('sign-in.totp')}
            inputMode="numeric"
            autoComplete="one-time-code"
            required
            autoFocus
            value={code}
            onChange={({ currentTarget }) => setCode(currentTarget.value)}
          />
          <Button type="submit" loading={confirm.isPending}>
            {t('totp.confirm')}
          </Button>
          <Button variant="default" onClick={o.onCancel}>
            {t('action.cancel')}
          </Button>
        </Group>
        {confirm.error && <ProblemAlert error={confirm.error} />}
      </Stack>
    </form>
  );
}

/** Drawn here: what is in it, nobody else has to know. Dark on light in both colour schemes, as cameras want it. */
function QrCode({ text, label }: { readonly text: string; readonly label: string }): ReactNode {
  const { data, size } = encode(text, { border: 4 });
  const path = data.flatMap((row, y) => row.flatMap((isDark, x) => (isDark ? [`M${x} ${y}h1v1h-1z`] : []))).join('');
  return (
    <svg className={classes['code']} viewBox={`0 0 ${size} ${size}`} role="img" aria-label={label}>
      <path d={path} />
    </svg>
  );
}
