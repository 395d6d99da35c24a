import type { Answer, ComputerDetail } from '@holdfast/protocol';
import { Button, NativeSelect, SegmentedControl, Stack } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { call } from '../../api/call.ts';
import { routeQuery } from '../../api/queries.ts';
import { CopyLine } from '../../components/copy-line.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { StateBadge } from '../../components/state-badge.tsx';
import { useText } from '../../i18n/language.tsx';
import classes from './enrol-step.module.css';
import { joinLine, type System, serverAddress, startLine, systems } from './enrolment-lines.ts';

const roles = ['mover', 'agent'] as const;
const shownComputers = 8;

/** The line that joins a computer, and the computers as they appear. */
export function EnrolStep({ computers }: { readonly computers: readonly ComputerDetail[] }): ReactNode {
  const t = useText();
  const [system, setSystem] = useState<System>('linux');
  const [chosenGroup, setChosenGroup] = useState<string>();
  const status = useQuery(routeQuery('status', {}));
  const account = useQuery(routeQuery('account', {}));
  // Who is confined to groups adds to those alone.
  const ownGroups = account.data?.user.groups;
  const group = chosenGroup ?? ownGroups?.[0];
  const make = useMutation({
    mutationFn: () =>
      Promise.all(
        roles.map((role) => call('createToken', { body: { role, ...(group === undefined ? {} : { group }) } })),
      ),
  });
  const newest = computers.toSorted((a, b) => b.enrolledAt.localeCompare(a.enrolledAt)).slice(0, shownComputers);
  return (
    <Stack gap="md">
      <SegmentedControl
        aria-label={t('enrol.system')}
        value={system}
        onChange={(value) => setSystem(systems.find((one) => one === value) ?? 'linux')}
        data={systems.map((value) => ({ value, label: t(`enrol.${value}`) }))}
      />
      {ownGroups && ownGroups.length > 1 && (
        <NativeSelect
          label={t('computers.group')}
          value={group}
          onChange={({ currentTarget }) => setChosenGroup(currentTarget.value)}
          data={[...ownGroups]}
        />
      )}
      {make.data && status.data ? (
        <Lines system={system} tokens={make.data} status={status.data} />
      ) : (
        <div>
          <Button loading={make.isPending} onClick={() => make.mutate()}>
            {t('enrol.make')}
          </Button>
        </div>
      )}
      {(make.error ?? status.error) && <ProblemAlert error={make.error ?? status.error} />}
      <div aria-live="polite">
        {newest.length === 0 ? (
          <p className={classes['waiting']}>{t('enrol.waiting')}</p>
        ) : (
          <ul className={classes['computers']} aria-label={t('enrol.joined')}>
            {newest.map(({ id, hostname, role, state }) => (
              <li key={id}>
                <Link to="/computers/$id" params={{ id }}>
                  {hostname}
                </Link>
                <span>{t(`computers.role.${role}`)}</span>
                <StateBadge state={state} />
              </li>
            ))}
          </ul>
        )}
      </div>
    </Stack>
  );
}

function Lines(o: {
  readonly system: System;
  readonly tokens: readonly Answer<'createToken'>[];
  readonly status: Answer<'status'>;
}): ReactNode {
  const t = useText();
  const { names, listening, caFingerprint } = o.status;
  const joining = {
    server: serverAddress({ browserHost: location.hostname, names, listening, system: o.system }),
    caFingerprint,
    tokens: o.tokens,
  };
  return (
    <Stack gap="xs">
      <p className={classes['hint']}>{t('enrol.join.hint')}</p>
      <CopyLine label={t('enrol.join')}>{joinLine(o.system, joining)}</CopyLine>
      <p className={classes['hint']}>{t('enrol.start.hint')}</p>
      <CopyLine label={t('enrol.start')}>{startLine(o.system, joining)}</CopyLine>
      {o.system !== 'linux' && <p className={classes['hint']}>{t('enrol.untried')}</p>}
    </Stack>
  );
}
