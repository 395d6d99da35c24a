import type { Answer } from '@holdfast/protocol';
import { ActionIcon, Group } from '@mantine/core';
import { IconChevronLeft, IconChevronRight } from '@tabler/icons-react';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { routeQuery } from '../../api/queries.ts';
import { Card } from '../../components/card.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { useLanguage } from '../../i18n/language.tsx';
import classes from './job-calendar.module.css';

const daysOfWeek = 7;
/** Of a job that runs every few minutes; the rest is counted. */
const shownPerDay = 3;

/** A month of a job: when it ran and how that went, and when it is due. Days are those of the person who looks. */
export function JobCalendar({ jobId }: { readonly jobId: string }): ReactNode {
  const { t, formats, language } = useLanguage();
  const today = new Date();
  const [month, setMonth] = useState(() => new Date(today.getFullYear(), today.getMonth(), 1));
  const days = daysOf(month);
  const [first = month, last = month] = [days[0], days.at(-1)];
  const query = {
    from: first.toISOString(),
    to: new Date(last.getFullYear(), last.getMonth(), last.getDate() + 1).toISOString(),
  };
  const calendar = useQuery({
    ...routeQuery('jobCalendar', { params: { id: jobId }, query }),
    placeholderData: keepPreviousData,
  });
  const move = (by: number): void => setMonth(new Date(month.getFullYear(), month.getMonth() + by, 1));
  const weekday = new Intl.DateTimeFormat(language, { weekday: 'short' });
  const name = new Intl.DateTimeFormat(language, { month: 'long', year: 'numeric' }).format(month);
  const perDay = eventsByDay(calendar.data);
  return (
    <Card
      title={t('job.calendar')}
      aside={
        <Group gap={4}>
          <ActionIcon variant="subtle" aria-label={t('calendar.before')} onClick={() => move(-1)}>
            <IconChevronLeft size={18} aria-hidden="true" />
          </ActionIcon>
          <strong aria-live="polite">{name}</strong>
          <ActionIcon variant="subtle" aria-label={t('calendar.after')} onClick={() => move(1)}>
            <IconChevronRight size={18} aria-hidden="true" />
          </ActionIcon>
        </Group>
      }
    >
      {calendar.error && <ProblemAlert error={calendar.error} />}
      <div className={classes['scroll']} tabIndex={0} role="group" aria-label={t('job.calendar')}>
        <table className={classes['calendar']} aria-label={`${t('job.calendar')}, ${name}`}>
          <thead>
            <tr>
              {days.slice(0, daysOfWeek).map((day) => (
                <th key={day.getDay()} scope="col">
                  {weekday.format(day)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {weeksOf(days).map((week) => (
              <tr key={week[0]?.toISOString()}>
                {week.map((day) => {
                  const events = perDay.get(dayKey(day)) ?? [];
                  return (
                    <td
                      key={day.toISOString()}
                      data-outside={day.getMonth() !== month.getMonth()}
                      aria-current={dayKey(day) === dayKey(today) ? 'date' : undefined}
                    >
                      <time dateTime={dayKey(day)}>{day.getDate()}</time>
                      {events.slice(0, shownPerDay).map((event) => (
                        <CalendarEvent key={event.at + event.kind} event={event} time={formats.time(event.at)} />
                      ))}
                      {events.length > shownPerDay && (
                        <span className={classes['more']}>
                          {t('calendar.more', { count: events.length - shownPerDay })}
                        </span>
                      )}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  );
}

type Event =
  | { readonly kind: 'due'; readonly at: string }
  | ({ readonly kind: 'session'; readonly at: string } & Pick<
      Answer<'jobCalendar'>['sessions'][number],
      'id' | 'state'
    >);

function CalendarEvent({ event, time }: { readonly event: Event; readonly time: string }): ReactNode {
  const { t } = useLanguage();
  if (event.kind === 'due') return <span className={classes['due']}>{t('calendar.due', { at: time })}</span>;
  return (
    <Link to="/sessions/$id" params={{ id: event.id }} className={classes['session'] ?? ''} data-state={event.state}>
      {time} {t(`state.${event.state}`)}
    </Link>
  );
}

/** What is due lies ahead; what is past is told by the sessions. */
function eventsByDay(calendar: Answer<'jobCalendar'> | undefined): ReadonlyMap<string, readonly Event[]> {
  const now = Date.now();
  const events: Event[] = [
    ...(calendar?.sessions ?? []).map(
      ({ id, state, createdAt }) => ({ kind: 'session', at: createdAt, id, state }) as const,
    ),
    ...(calendar?.due ?? []).filter((at) => Date.parse(at) > now).map((at) => ({ kind: 'due', at }) as const),
  ];
  return Map.groupBy(events, ({ at }) => dayKey(new Date(at)));
}

function dayKey(day: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${day.getFullYear()}-${two(day.getMonth() + 1)}-${two(day.getDate())}`;
}

/** The days of a month, from the Monday before it to the Sunday after. */
function daysOf(month: Date): readonly Date[] {
  const before = (month.getDay() + daysOfWeek - 1) % daysOfWeek;
  const length = new Date(month.getFullYear(), month.getMonth() + 1, 0).getDate();
  const count = Math.ceil((before + length) / daysOfWeek) * daysOfWeek;
  return Array.from(
    { length: count },
    (_, index) => new Date(month.getFullYear(), month.getMonth(), 1 - before + index),
  );
}

function weeksOf(days: readonly Date[]): readonly (readonly Date[])[] {
  return Array.from({ length: days.length / daysOfWeek }, (_, week) =>
    days.slice(week * daysOfWeek, (week + 1) * daysOfWeek),
  );
}
