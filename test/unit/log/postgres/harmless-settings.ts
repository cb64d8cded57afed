/**
 * The settings of Postgres 14 to 18 that a role or database may have and that this service leaves as they are, by the
 * reason why nothing it promises rests on them.
 */
const reasons = {
  'read for each statement, and this service sets it': [
    'synchronous_commit',
    'plan_cache_mode',
    'client_connection_check_interval',
  ],
  'asked for when a session begins, and told to the operator': ['default_transaction_read_only'],
  'the schema in which the log is found is the operator’s to name': ['search_path'],
  'counts in a transaction of another isolation level alone': ['default_transaction_deferrable'],
  'set anew as each transaction begins': ['transaction_deferrable', 'transaction_isolation', 'transaction_read_only'],
  'no statement of ours has dates, times, XML or messages in a server’s words for a text': [
    ...['DateStyle', 'IntervalStyle', 'TimeZone', 'timezone_abbreviations', 'lc_messages', 'lc_monetary', 'lc_numeric'],
    ...['lc_time', 'xmlbinary', 'xmloption', 'quote_all_identifiers', 'default_text_search_config'],
  ],
  'no literal of ours has a backslash': ['backslash_quote', 'escape_string_warning'],
  'our statements need no trigger to fire and have none to be spared': ['session_replication_role', 'event_triggers'],
  'our functions are compiled under the defaults, and are ambiguous under none of the others': [
    ...['plpgsql.check_asserts', 'plpgsql.extra_warnings', 'plpgsql.print_strict_params', 'plpgsql.variable_conflict'],
    ...['check_function_bodies', 'composite_type_mismatch'],
  ],
  'where and how the tables are kept is the operator’s to say': [
    ...['default_tablespace', 'temp_tablespaces', 'default_toast_compression', 'allow_in_place_tablespaces'],
    ...['gin_fuzzy_search_limit', 'gin_pending_list_limit', 'file_copy_method'],
  ],
  'makes a plan or a statement slower or faster, and the same rows come': [
    ...['constraint_exclusion', 'cpu_index_tuple_cost', 'cpu_operator_cost', 'cpu_tuple_cost', 'cursor_tuple_fraction'],
    ...['debug_parallel_query', 'force_parallel_mode', 'default_statistics_target', 'effective_cache_size'],
    ...['effective_io_concurrency', 'from_collapse_limit', 'hash_mem_multiplier', 'io_combine_limit'],
    ...['join_collapse_limit', 'logical_decoding_work_mem', 'maintenance_io_concurrency', 'maintenance_work_mem'],
    ...['max_parallel_maintenance_workers', 'max_parallel_workers', 'max_parallel_workers_per_gather'],
    ...['min_parallel_index_scan_size', 'min_parallel_table_scan_size', 'parallel_leader_participation'],
    ...['parallel_setup_cost', 'parallel_tuple_cost', 'random_page_cost', 'recursive_worktable_factor'],
    ...['seq_page_cost', 'synchronize_seqscans', 'temp_buffers', 'work_mem', 'backend_flush_after'],
    ...['commit_delay', 'commit_siblings', 'deadlock_timeout', 'stats_fetch_consistency', 'debug_discard_caches'],
    /^enable_/,
    /^geqo/,
    /^jit/,
    /^vacuum_/,
  ],
  'what the server logs, counts or shows of us': [
    ...['application_name', 'backtrace_functions', 'compute_query_id', 'trace_notify', 'trace_sort'],
    ...['update_process_title', 'md5_password_warnings'],
    /^log_/,
    /^track_/,
    /^debug_(pretty_)?print/,
  ],
  'ends connections to nodes that are gone': [/^tcp_/],
  'about replication, whose connections are others’': [
    ...['wal_sender_timeout', 'debug_logical_replication_streaming', 'output_plugin_libraries'],
  ],
  'how the write-ahead log is written, not when it is safe': [
    ...['wal_compression', 'wal_consistency_checking', 'wal_init_zero', 'wal_recycle', 'wal_skip_threshold'],
  ],
  'about roles and passwords, which we make none of': [
    ...['createrole_self_grant', 'password_encryption', 'scram_iterations'],
  ],
  'what code the server loads is the operator’s to say': [
    ...['dynamic_library_path', 'extension_control_path', 'extension_destdir', 'local_preload_libraries'],
    ...['session_preload_libraries', 'post_auth_delay', 'icu_validation_level', 'lo_compat_privileges'],
  ],
  'a superuser’s bound on resources: what goes past it fails, and the log counts as down': [
    ...['max_stack_depth', 'temp_file_limit'],
  ],
  'a superuser’s tool for a cluster that is damaged already': [
    ...['allow_system_table_mods', 'ignore_checksum_failure', 'ignore_system_indexes', 'zero_damaged_pages'],
  ],
} satisfies Record<string, (string | RegExp)[]>

const harmless = Object.values<(string | RegExp)[]>(reasons).flat()

export function isHarmless(setting: string): boolean {
  return harmless.some((one) => (typeof one === 'string' ? one === setting : one.test(setting)))
}

/** What the settings are that a role or a database can have. */
export const settingsOfRoles = `SELECT name FROM pg_settings
  WHERE context IN ('user', 'superuser', 'backend', 'superuser-backend') ORDER BY name`
