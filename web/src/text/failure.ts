// What a screen says when a command was refused. Codes come from the one list in shared/src/code.rs.
import type { Failure } from '../core/types';
import { t } from '../i18n';

export type Where = 'login' | 'unlock' | 'register' | 'recover' | 'chat' | 'other';

export function isFailure(thrown: unknown): thrown is Failure {
  return typeof thrown === 'object' && thrown !== null && typeof (thrown as Failure).code === 'string';
}

export function failureText(thrown: unknown, where: Where, name = ''): string {
  if (!isFailure(thrown)) return t('error.unknown');
  const { code, retryAfterMs, message } = thrown;
  if (retryAfterMs !== undefined && retryAfterMs > 0) {
    const seconds = Math.ceil(retryAfterMs / 1000);
    return seconds > 90 ? t('error.too_fast_minutes', Math.ceil(seconds / 60)) : t('error.too_fast', seconds);
  }
  switch (code) {
    case 'invalid_credentials':
    case 'wrong_password':
    case 'resume_refused':
      return where === 'unlock' ? t('error.unlock') : where === 'recover' ? t('error.kit_wrong') : t('error.invalid_credentials');
    case 'kit_length':
    case 'kit_character':
    case 'kit_checksum':
      return t('error.kit_wrong');
    case 'username_taken': return t('error.username_taken');
    case 'username_reserved': return t('error.username_reserved');
    case 'username_length': return t('username.length');
    case 'username_characters': return t('username.characters');
    case 'nobody_found':
    case 'not_found':
      return where === 'chat' ? t('chat.nobody', name) : t('error.unknown');
    case 'no_packages': return t('error.no_packages', name);
    case 'too_many_devices': return t('error.too_many_devices');
    case 'attempt_expired': return t('error.attempt_expired');
    case 'offline': return t('error.offline');
    case 'store_failed': return t('error.storage');
    case 'text_too_long': return t('error.text_too_long');
    case 'cannot_unwrap': return t('error.cannot_unwrap');
    case 'bad_answer':
    case 'ksf_refused':
      return t('error.bad_answer');
    case 'busy': return t('error.busy');
    case 'missing_credentials':
    case 'missing_fields':
      return t('error.missing_fields');
    case 'rate_limited': return t('error.too_fast', 60);
    case 'version_too_old': return t('error.version');
    case 'registration_closed': return t('error.registration_closed');
    case 'unavailable':
    case 'going_away':
    case 'internal':
      return t('error.server');
    default:
      // The server's sentences about the inside are for logs, not for people.
      return SPOKEN.has(code) || !message ? t('error.unknown') : message;
  }
}

const SPOKEN = new Set([
  'malformed', 'method_not_allowed', 'wrong_origin', 'stale_statement', 'stale_settings', 'stale_epoch', 'stale_generation', 'out_of_turn', 'commit_first',
  'conversation_exists', 'superseded', 'went_back', 'id_taken', 'too_large', 'unsupported_type', 'unknown_ksf', 'bad_statement', 'bad_certificate', 'bad_signature',
  'bad_package', 'bad_commit', 'bad_group_info', 'bad_row', 'device_not_stated', 'bad_ticket', 'hello_first', 'replaced', 'session_ended', 'too_slow', 'not_enrolled', 'login_required', 'forbidden', 'not_now',
]);
