import type { Answer, NetworkMap } from '@holdfast/protocol';
import { Button, Progress } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useEffect } from 'react';
import type { ApiProblem } from '../../api/problem.ts';
import { invalidateRoutes, routeQuery, useAction } from '../../api/queries.ts';
import { Age } from '../../components/age.tsx';
import { Card } from '../../components/card.tsx';
import { PlainTable } from '../../components/plain-table.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { useLanguage, useText } from '../../i18n/language.tsx';
import { useMay } from '../../session/rights.ts';
import classes from './network.module.css';
import { OutcomeBadge } from './outcome-badge.tsx';

type Work = Answer<'portCheck'>;
const followMs = 1_000;
const shownProblems = 200;

/** What was tried of the plan, and what the computers themselves look like beside it; both can be begun here. */
export function NetworkChecks({ map }: { readonly map: NetworkMap }): ReactNode {
  return (
    <>
      <OpeningsCheck work={map.check} />
      <ComputersAudit work={map.audit} drift={map.audit?.drift ?? []} />
    </>
  );
}

function OpeningsCheck({ work }: { readonly work: Work | undefined }): ReactNode {
  const { t } = useLanguage();
  const may = useMay()('createPortCheck');
  const begin = useAction('createPortCheck', ['networkMap', 'portChecks']);
  const cancel = useAction('cancelPortCheck', ['networkMap', 'portCheck']);
  const newest = newer(begin.data, work);
  const query = useQuery({
    ...routeQuery('portCheck', { params: { id: newest?.id ?? '' } }),
    enabled: newest !== undefined,
    refetchInterval: whileRunning,
  });
  const current = query.data ?? newest;
  useRefreshAtEnd(current);
  return (
    <WorkCard
      title={t('network.check')}
      beginning={t('network.check.begin')}
      may={may}
      begin={{ ...begin, act: () => begin.mutate({ body: {} }) }}
      cancel={{ ...cancel, act: () => current && cancel.mutate({ params: { id: current.id } }) }}
      work={current}
      none={t('network.check.none')}
      good={t('network.check.good')}
    >
      {current && current.failures + current.warnings > 0 && <CheckProblems id={current.id} />}
    </WorkCard>
  );
}

/** What failed, with the rule to ask the firewall's people for. */
function CheckProblems({ id }: { readonly id: string }): ReactNode {
  const { t } = useLanguage();
  const results = useQuery(
    routeQuery('portCheckResults', { params: { id }, query: { only: 'problems', limit: shownProblems } }),
  );
  if (results.error) return <ProblemAlert error={results.error} />;
  const rows = (results.data?.results ?? []).filter(({ outcome }) => outcome !== 'unchecked');
  return (
    <PlainTable
      label={t('network.check.problems')}
      rows={rows}
      keyOf={({ from, to, flow, firstPort, address }) => [from, to, flow, firstPort, address].join(' ')}
      columns={[
        { id: 'what', head: t('network.flow.check'), cell: ({ outcome }) => <OutcomeBadge outcome={outcome} /> },
        { id: 'from', head: t('network.flow.from'), cell: ({ from }) => from },
        {
          id: 'to',
          head: t('network.flow.to'),
          cell: ({ to, firstPort }) => (firstPort === undefined ? to : `${to}:${firstPort}`),
        },
        {
          id: 'why',
          head: t('network.flow.causes'),
          cell: ({ diagnoses, rule }) => (
            <>
              {diagnoses.map(({ cause, remedy }) => (
                <p key={cause} className={classes['tight']}>
                  {cause} {remedy}
                </p>
              ))}
              {rule !== undefined && <code>{rule}</code>}
            </>
          ),
        },
      ]}
    />
  );
}

function ComputersAudit(o: {
  readonly work: Work | undefined;
  readonly drift: NonNullable<NetworkMap['audit']>['drift'];
}): ReactNode {
  const { t } = useLanguage();
  const may = useMay()('createPortAudit');
  const begin = useAction('createPortAudit', ['networkMap', 'portAudits']);
  const cancel = useAction('cancelPortAudit', ['networkMap', 'portAudit']);
  const newest = newer(begin.data, o.work);
  const query = useQuery({
    ...routeQuery('portAudit', { params: { id: newest?.id ?? '' } }),
    enabled: newest !== undefined,
    refetchInterval: whileRunning,
  });
  const current = query.data ?? newest;
  useRefreshAtEnd(current);
  const findings = o.drift.flatMap(({ host, findings: found }) => found.map((finding) => ({ host, ...finding })));
  return (
    <WorkCard
      title={t('network.audit')}
      beginning={t('network.audit.begin')}
      may={may}
      begin={{ ...begin, act: () => begin.mutate({ body: {} }) }}
      cancel={{ ...cancel, act: () => current && cancel.mutate({ params: { id: current.id } }) }}
      work={current}
      none={t('network.audit.none')}
      good={t('network.audit.good')}
    >
      {findings.length > 0 && (
        <PlainTable
          label={t('network.audit.drift')}
          rows={findings}
          keyOf={({ host, kind, subject }) => [host, kind, subject].join(' ')}
          columns={[
            { id: 'host', head: t('network.audit.host'), cell: ({ host }) => host },
            {
              id: 'subject',
              head: t('network.audit.subject'),
              cell: ({ subject }) => <code>{subject}</code>,
              wide: true,
            },
            { id: 'message', head: t('network.audit.message'), cell: ({ message }) => message },
            { id: 'advice', head: t('network.audit.advice'), cell: ({ advice }) => advice, wide: true },
          ]}
        />
      )}
    </WorkCard>
  );
}

interface Action {
  readonly act: () => void;
  readonly isPending: boolean;
  readonly error: ApiProblem | null;
}

/** Work of the server that somebody begins and may cancel, how far it is, and what it has found when it has ended. */
function WorkCard(o: {
  readonly title: string;
  readonly beginning: string;
  readonly may: boolean;
  readonly begin: Action;
  readonly cancel: Action;
  readonly work: Work | undefined;
  readonly none: string;
  readonly good: string;
  readonly children: ReactNode;
}): ReactNode {
  const t = useText();
  const { begin, cancel, work } = o;
  const isRunning = work?.state === 'running';
  const error = begin.error ?? cancel.error;
  return (
    <Card
      title={o.title}
      aside={
        o.may &&
        (isRunning ? (
          <Button variant="default" size="compact-sm" loading={cancel.isPending} onClick={cancel.act}>
            {t('network.cancel')}
          </Button>
        ) : (
          <Button size="compact-sm" variant="light" loading={begin.isPending} onClick={begin.act}>
            {o.beginning}
          </Button>
        ))
      }
    >
      {error && <ProblemAlert error={error} />}
      <WorkState work={work} none={o.none} good={o.good} />
      {!isRunning && o.children}
    </Card>
  );
}

/** How far it is, or how it ended. */
function WorkState(o: { readonly work: Work | undefined; readonly none: string; readonly good: string }): ReactNode {
  const { t, formats } = useLanguage();
  const { work } = o;
  if (!work) return <p className={classes['tight']}>{o.none}</p>;
  const isRunning = work.state === 'running';
  return (
    <div role="status" className={classes['work']}>
      {isRunning && (
        <Progress
          value={work.total === 0 ? 0 : (work.done / work.total) * 100}
          aria-label={t('network.work.done', { done: formats.number(work.done), total: formats.number(work.total) })}
        />
      )}
      <p className={classes['tight']}>
        {isRunning ? (
          t('network.work.done', { done: formats.number(work.done), total: formats.number(work.total) })
        ) : (
          <>
            {work.state === 'finished' && work.failures + work.warnings === 0
              ? o.good
              : t(`network.work.${work.state}`, { failures: work.failures, warnings: work.warnings })}{' '}
            {work.unchecked > 0 && t('network.work.unchecked', { count: work.unchecked })}{' '}
            <span className={classes['soft']}>
              <Age at={work.endedAt} />
            </span>
          </>
        )}
      </p>
      {work.error && <p className={classes['tight']}>{work.error.message}</p>}
      {work.notes.map((note) => (
        <p key={note} className={`${classes['tight']} ${classes['soft']}`}>
          {note}
        </p>
      ))}
    </div>
  );
}

/** What was begun here, unless somebody has begun another one since. */
function newer(begun: Work | undefined, known: Work | undefined): Work | undefined {
  return begun && (!known || begun.startedAt > known.startedAt) ? begun : known;
}

function whileRunning({ state }: { readonly state: { readonly data?: Work | undefined } }): number | false {
  return state.data?.state === 'running' ? followMs : false;
}

/** The map says what the last work found: it is asked for anew when that has ended. */
function useRefreshAtEnd(work: Work | undefined): void {
  const client = useQueryClient();
  const endedAt = work?.endedAt;
  useEffect(() => {
    if (endedAt !== undefined) void invalidateRoutes(client, ['networkMap']);
  }, [client, endedAt]);
}
