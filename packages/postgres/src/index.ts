/** A token store in PostgreSQL. */
export { type MigrationOptions, migrate, migrationSql } from './migration.js'
export type { PostgresClient, PostgresNotification, PostgresPool } from './pool.js'
export { type PostgresStoreOptions, postgresStore } from './postgres-store.js'
