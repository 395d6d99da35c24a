import { HoldfastError } from '@holdfast/core';

/**
 * NIST SP 800-63B, 3.1.1.2: a minimum of length, no rule of which characters, no change by the calendar, and none that is
 * commonly used or says no more than the account's name. The minimum is ours, between its 8 for passwords with a second factor
 * and its 15 for those without.
 */
const minCharacters = 12;
const maxCharacters = 256;

/** Those of 12 characters and more that lists of leaked passwords have most of; shorter ones are refused anyway. */
const common = new Set(
  `123456789012 1234567890123 1234567891011 123456123456 123123123123 111111111111 000000000000 098765432109 112233445566
  121212121212 012345678901 987654321098 0987654321098 1q2w3e4r5t6y 1qaz2wsx3edc 1qaz2wsx3edc4rfv zaq12wsxcde3 qwertyuiop123
  qwertyuiop12 qwertyuiop[] qwertyuiopasdf qwertyuiopasdfghjkl qwerty123456 qwerty1234567 qwertyqwerty asdfghjkl123
  asdfghjklqwerty asdfasdfasdf zxcvbnm12345 zxcvbnmasdfghjkl abcdefghijkl abcdefghijklm abcdefgh1234 abcd1234abcd abc123abc123
  password1234 password12345 password123456 passwordpassword password1password mypassword123 mypassword1234 p@ssw0rd1234
  p@ssword1234 passw0rd1234 password2024 password2025 password2026 administrator administrator1 administrator123
  adminadminadmin admin1234567 admin123admin admin12345678 changeme1234 changemechangeme letmeinletmein letmein12345
  welcome12345 welcome123456 welcomewelcome iloveyou1234 iloveyou12345 iloveyouiloveyou iloveyousomuch trustno1trustno1
  superman1234 batman123456 dragon123456 monkey123456 football1234 baseball1234 liverpool123 chelsea12345 sunshine1234
  princess1234 michael12345 jennifer1234 charlie12345 whatever1234 correcthorsebatterystaple qazwsxedcrfv qazwsxedcrfvtgb
  1234qwerasdf 1234qwerasdfzxcv q1w2e3r4t5y6 a1b2c3d4e5f6 aaaaaaaaaaaa backup123456 backupbackup holdfast1234 holdfastholdfast
  holdfast2026 summer2025!! winter2025!! Summer2026!! company12345 companyname1 p4ssw0rd1234 testtesttest test12345678
  rootrootroot toor12345678 security1234 computer1234 internet1234 microsoft123 samsung12345 google123456`
    .toLowerCase()
    .split(/\s+/),
);

/** Throws `auth.password`, which says why it can't be the password of this account. */
export function checkNewPassword(password: string, account: { readonly name: string; readonly displayName: string }) {
  const text = password.normalize('NFKC');
  const characters = Array.from(text).length;
  if (characters < minCharacters) throw refused(`It has ${characters} characters; ${minCharacters} are the least.`);
  if (characters > maxCharacters) throw refused(`It has more than ${maxCharacters} characters.`);
  const lower = text.toLowerCase();
  if (common.has(lower)) throw refused('It is one of those that are tried first.');
  if (new Set(lower).size < 4) throw refused('It repeats the same few characters.');
  const said = [account.name, account.displayName, 'holdfast'].map((name) => name.toLowerCase());
  // The name with a few characters around it, or twice.
  const rest = said.filter((name) => name.length >= 4).reduce((left, name) => left.replaceAll(name, ''), lower);
  if (rest.length < minCharacters / 2 && rest !== lower)
    throw refused('It is little more than the name of the account.');
}

function refused(why: string): HoldfastError {
  return new HoldfastError('auth.password', { message: `The password is not accepted: ${why}` });
}
