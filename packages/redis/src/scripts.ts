/**
 * What the store does to one key, as Lua scripts: each is carried out whole, by the primary. They are sent in full each
 * time (EVAL), so there is nothing to load again after a restart, a fail-over or SCRIPT FLUSH.
 */

/** Not HMGET itself: a client that reads from replicas would send that to one, and a replica may be behind. */
export const get = `return redis.call('HMGET', KEYS[1], 'version', 'value')`

/**
 * ARGV: channel, key, version, value, milliseconds to keep it or nothing, and the version expected if there is one. A
 * write asked again writes its version again: WAIT counts from the last write of its connection, and on Valkey 8 says that
 * all replicas have it when that has written nothing.
 */
export const compareAndSet = `
local current = redis.call('HGET', KEYS[1], 'version')
if current == ARGV[3] then
  redis.call('HSET', KEYS[1], 'version', current)
  return 1
end
if current ~= (ARGV[6] or false) then return 0 end
redis.call('HSET', KEYS[1], 'version', ARGV[3], 'value', ARGV[4])
if ARGV[5] == '' then redis.call('PERSIST', KEYS[1]) else redis.call('PEXPIRE', KEYS[1], ARGV[5]) end
redis.pcall('PUBLISH', ARGV[1], ARGV[2] .. ' ' .. ARGV[3])
return 1`

/** ARGV: channel, key, version. */
export const remove = `
if redis.call('HGET', KEYS[1], 'version') ~= ARGV[3] then return 0 end
redis.call('DEL', KEYS[1])
redis.pcall('PUBLISH', ARGV[1], ARGV[2])
return 1`

/** ARGV: holder, milliseconds. */
export const lease = `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`

/** ARGV: holder. */
export const release = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
return 1`
