import { Button, FileButton, Loader } from '@mantine/core';
import { IconFileUpload } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type ReactNode, useRef, useState } from 'react';
import { routeQuery } from '../../api/queries.ts';
import { Card } from '../../components/card.tsx';
import { CopyLine } from '../../components/copy-line.tsx';
import { PageHead } from '../../components/page-head.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { Stacked } from '../../components/stacked.tsx';
import { useLanguage } from '../../i18n/language.tsx';
import classes from './network.module.css';
import { ProofMatrix } from './proof-matrix.tsx';
import { type Proof, readProof } from './read-proof.ts';
import { ToNetwork } from './to-network.tsx';

const command = 'holdfast ports prove topology.yaml --out proof.json';
/** A proof of sixty-four computers has a tenth of that. */
const maxBytes = 64 * 1024 * 1024;
const shownMissing = 20;

interface Opened {
  readonly name: string;
  readonly proof?: Proof;
}

/** What was shown by closing each rule: of the product's own proof, or of one that somebody has made of this fleet. */
export function ProofPage(): ReactNode {
  const { t } = useLanguage();
  const [opened, setOpened] = useState<Opened>();
  const published = useQuery({
    queryKey: ['published-proof'],
    queryFn: async () => readProof((await import('virtual:published-proof')).publishedProof),
    staleTime: Number.POSITIVE_INFINITY,
  });
  const reset = useRef<() => void>(null);
  const open = async (file: File | null): Promise<void> => {
    if (!file) return;
    // The same one may be opened again, made anew.
    reset.current?.();
    const { name } = file;
    try {
      if (file.size > maxBytes) throw new RangeError('too large');
      setOpened({ name, proof: readProof(await file.text()) });
    } catch {
      // What is not one is all that can be said; the file's maker knows the rest.
      setOpened({ name });
    }
  };
  return (
    <Stacked>
      <PageHead title={t('network.proof')} subtitle={t('network.proof.lead')}>
        <ToNetwork />
        <FileButton resetRef={reset} accept="application/json,.json" onChange={(file) => void open(file)}>
          {(props) => (
            <Button {...props} leftSection={<IconFileUpload size={17} aria-hidden="true" />}>
              {t('network.proof.open')}
            </Button>
          )}
        </FileButton>
      </PageHead>
      {opened && !opened.proof && (
        <p role="alert" className={classes['alert']}>
          {t('network.proof.none', { name: opened.name })}
        </p>
      )}
      {opened?.proof ? (
        <Shown key={opened.name} title={opened.name} proof={opened.proof} isOfFleet />
      ) : (
        <>
          {published.error && <ProblemAlert error={published.error} />}
          {published.isPending && <Loader aria-label={t('app.loading')} />}
          {published.data && <Shown title={t('network.proof.published')} proof={published.data} isOfFleet={false} />}
        </>
      )}
      <Card title={t('network.proof.own')}>
        <p className={classes['needs']}>
          {t('network.proof.own.text')} <Link to="/network/what-if">{t('network.topology.download')}</Link>
        </p>
        <CopyLine label={t('network.proof.command')}>{command}</CopyLine>
      </Card>
    </Stacked>
  );
}

function Shown(o: { readonly title: string; readonly proof: Proof; readonly isOfFleet: boolean }): ReactNode {
  const { t, formats } = useLanguage();
  const { proof } = o;
  const verdict = proof.holds ? (proof.notClosed.length > 0 ? 'partly' : 'holds') : 'fails';
  const lists = [
    [t('network.proof.not-proven'), proof.notProven],
    [t('network.proof.not-closed'), proof.notClosed],
    [t('network.proof.unused'), proof.unused],
    [t('network.proof.needless'), proof.needless],
  ] as const;
  return (
    <Card title={o.title}>
      <p className={classes['tight']}>
        {t('network.proof.made', { topology: proof.topology, at: formats.dateTime(proof.startedAt) })}{' '}
        <strong>{t(`network.proof.verdict.${verdict}`)}</strong>
      </p>
      {o.isOfFleet && <Covered proof={proof} />}
      {lists.map(
        ([title, entries]) =>
          entries.length > 0 && (
            <div key={title}>
              <h3 className={classes['part']}>{title}</h3>
              <ul className={classes['texts']}>
                {entries.map((entry) => (
                  <li key={entry}>
                    <code className={classes['wrap']}>{entry}</code>
                  </li>
                ))}
              </ul>
            </div>
          ),
      )}
      <ProofMatrix proof={proof} />
    </Card>
  );
}

/** Whether it is about the plan of today: an opening is called by who is at its ends, and by its ports. */
function Covered({ proof }: { readonly proof: Proof }): ReactNode {
  const { t } = useLanguage();
  const map = useQuery(routeQuery('networkMap', {}));
  if (!map.data) return map.error ? <ProblemAlert error={map.error} /> : null;
  const { flows } = map.data;
  const proven = new Set(proof.rules);
  const missing = flows.filter(({ id }) => !proven.has(id));
  return (
    <>
      <p className={classes['tight']}>
        {t('network.proof.covers', { count: flows.length - missing.length, total: flows.length })}
      </p>
      {missing.length > 0 && missing.length < flows.length && (
        <ul className={classes['texts']}>
          {missing.slice(0, shownMissing).map(({ id }) => (
            <li key={id}>
              <code className={classes['wrap']}>{id}</code>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}
