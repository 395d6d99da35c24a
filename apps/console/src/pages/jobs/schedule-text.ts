import type { Job } from '@holdfast/protocol';
import type { Formats } from '../../i18n/formats.ts';
import type { Translate } from '../../i18n/language.tsx';

type Schedule = Job['schedule'];

/** A schedule in words. */
export function scheduleText(schedule: Schedule, t: Translate, formats: Formats): string {
  switch (schedule.kind) {
    case 'manual':
      return t('schedule.manual');
    case 'daily':
      return t('schedule.daily', { at: schedule.at });
    case 'weekly':
      return t('schedule.weekly', {
        days: schedule.days.map((day) => t(`weekday.${day}`)).join(', '),
        at: schedule.at,
      });
    case 'monthly':
      return t('schedule.monthly', { on: dayText(schedule.on, t), at: schedule.at });
    case 'interval':
      return t('schedule.interval', { every: formats.duration(schedule.everyMinutes * 60_000) });
    case 'after':
      return t('schedule.after');
    case 'cron':
      return t('schedule.cron', { expression: schedule.expression });
  }
}

function dayText(on: Extract<Schedule, { kind: 'monthly' }>['on'], t: Translate): string {
  if ('day' in on) return on.day === 'last' ? t('schedule.last-day') : t('schedule.day', { day: on.day });
  const day = t(`weekday.${on.weekday}`);
  return on.nth === 'last' ? t('schedule.last-weekday', { day }) : t('schedule.nth-weekday', { nth: on.nth, day });
}
