import type { Answer } from '@holdfast/protocol';
import { Button, NativeSelect, Stack, TextInput } from '@mantine/core';
import { getRouteApi } from '@tanstack/react-router';
import { type ReactNode, type SubmitEvent, useRef, useState } from 'react';
import { useAction } from '../../api/queries.ts';
import { Card } from '../../components/card.tsx';
import { CopyLine } from '../../components/copy-line.tsx';
import { useLanguage } from '../../i18n/language.tsx';
import { ComputerChoice } from '../restore/computer-choice.tsx';
import { Refusal } from '../restore/refusal.tsx';
import classes from './new-token.module.css';

const route = getRouteApi('/recovery-tokens');
const lifetimes = { hour: 3_600, day: 86_400, week: 604_800 } as const;
type Lifetime = keyof typeof lifetimes;

/** Makes a token for all backups of a computer. Its text is shown this once. */
export function NewToken(): ReactNode {
  const { t } = useLanguage();
  const make = useAction('createRecoveryToken', ['recoveryTokens']);
  // What had the focus is gone when the form gives way to the token, and the token to the form.
  const place = useRef<HTMLDivElement>(null);
  const goOn = (): void => place.current?.focus();
  return (
    <div
      ref={place}
      tabIndex={-1}
      role="group"
      aria-label={t(make.data ? 'recovery-tokens.made' : 'recovery-tokens.new')}
    >
      {make.data ? (
        <MadeToken
          made={make.data}
          onKept={() => {
            make.reset();
            goOn();
          }}
        />
      ) : (
        <TokenForm make={make} onMade={goOn} />
      )}
    </div>
  );
}

function TokenForm(o: {
  readonly make: ReturnType<typeof useAction<'createRecoveryToken'>>;
  readonly onMade: () => void;
}): ReactNode {
  const { t } = useLanguage();
  const { make } = o;
  const search = route.useSearch();
  const [computer, setComputer] = useState<string | undefined>(search.computer);
  const [note, setNote] = useState('');
  const [lifetime, setLifetime] = useState<Lifetime>('day');
  const [uses, setUses] = useState(1);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    if (computer === undefined) return;
    const named = note.trim() === '' ? {} : { note: note.trim() };
    make.mutate(
      { body: { computers: [computer], lifetimeSeconds: lifetimes[lifetime], uses, ...named } },
      { onSuccess: o.onMade },
    );
  };
  return (
    <Card title={t('recovery-tokens.new')}>
      <form onSubmit={submit}>
        <div className={classes['fields']}>
          <ComputerChoice label={t('recovery-tokens.computer')} value={computer} onChange={setComputer} />
          <TextInput
            label={t('recovery-tokens.note')}
            placeholder={t('recovery-tokens.note.example')}
            maxLength={200}
            value={note}
            onChange={({ currentTarget }) => setNote(currentTarget.value)}
          />
          <NativeSelect
            label={t('recovery-tokens.lifetime')}
            value={lifetime}
            onChange={({ currentTarget: { value } }) => setLifetime(value as Lifetime)}
            data={(['hour', 'day', 'week'] as const).map((value) => ({
              value,
              label: t(`recovery-tokens.lifetime.${value}`),
            }))}
          />
          <NativeSelect
            label={t('recovery-tokens.uses')}
            value={String(uses)}
            onChange={({ currentTarget: { value } }) => setUses(Number(value))}
            data={['1', '2', '5', '10']}
          />
        </div>
        {make.error && <Refusal error={make.error} />}
        <Button type="submit" disabled={computer === undefined} loading={make.isPending}>
          {t('recovery-tokens.make')}
        </Button>
      </form>
    </Card>
  );
}

function MadeToken(o: { readonly made: Answer<'createRecoveryToken'>; readonly onKept: () => void }): ReactNode {
  const { t, formats } = useLanguage();
  const { token, caFingerprint, expiresAt } = o.made;
  return (
    <Card title={t('recovery-tokens.made')}>
      <Stack gap="md">
        <p className={classes['once']}>{t('recovery-tokens.once', { at: formats.dateTime(expiresAt) })}</p>
        <div className={classes['token']}>
          <CopyLine label={t('recovery-tokens.token')}>{token}</CopyLine>
        </div>
        <p className={classes['soft']}>{t('recovery-tokens.how')}</p>
        <CopyLine label={t('recovery-tokens.command')}>
          {`holdfast recovery restore latest --target /tmp/restored --server ${location.hostname} --ca-fingerprint ${caFingerprint}`}
        </CopyLine>
        <Button variant="default" className={classes['done'] ?? ''} onClick={o.onKept}>
          {t('recovery-tokens.kept')}
        </Button>
      </Stack>
    </Card>
  );
}
