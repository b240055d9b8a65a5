/*
 * LuaJIT, in the two ways of using it: a loop inside Lua over arrays that it
 * shares with C, which the just-in-time compiler sees as a whole, and one
 * lua_pcall() for each decision, as a host with one decision to make would.
 */
#include "peer.h"

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct luajit {
  bench_peer peer;
  lua_State *lua;
  int decide; /* references to functions of Lua */
  int loop;
} luajit;

/* Makes `decide(values of one context)` and `loop(operations)` of a workload whose values are at
 * `address`. Doubles are read in place; strings become Lua's once, beforehand. */
static const char program[] =
    "local name, address, count = ...\n"
    "local ffi = require 'ffi'\n"
    "local band = require 'bit'.band\n"
    "local mask = count - 1\n"
    "if name == 'W1' then\n"
    "  local v = ffi.cast('const double *', address)\n"
    "  local function decide(severity, recurrence_count)\n"
    "    return severity >= 0.8 and recurrence_count >= 2\n"
    "  end\n"
    "  return decide, function(operations)\n"
    "    local sum = 0\n"
    "    for i = 0, operations - 1 do\n"
    "      local at = 2 * band(i, mask)\n"
    "      if decide(v[at], v[at + 1]) then sum = sum + i end\n"
    "    end\n"
    "    return sum\n"
    "  end\n"
    "elseif name == 'W2' then\n"
    "  local v = ffi.cast('const double *', address)\n"
    "  local function decide(a, b, c, d, e)\n"
    "    return (a > 0.5 and b < 0.3) or (c >= 0.2 and d <= 0.9 and e > 0.1) or\n"
    "      (a < 0.1 and (b > 0.7 or e >= 0.95))\n"
    "  end\n"
    "  return decide, function(operations)\n"
    "    local sum = 0\n"
    "    for i = 0, operations - 1 do\n"
    "      local at = 5 * band(i, mask)\n"
    "      if decide(v[at], v[at + 1], v[at + 2], v[at + 3], v[at + 4]) then sum = sum + i end\n"
    "    end\n"
    "    return sum\n"
    "  end\n"
    "else\n"
    "  ffi.cdef 'typedef struct { const char *bytes; size_t length; } word;'\n"
    "  local v = ffi.cast('const struct { double severity; word domain; word kind; } *', address)\n"
    "  local domains, kinds = {}, {}\n"
    "  for i = 0, mask do\n"
    "    domains[i] = ffi.string(v[i].domain.bytes, v[i].domain.length)\n"
    "    kinds[i] = ffi.string(v[i].kind.bytes, v[i].kind.length)\n"
    "  end\n"
    "  local function decide(severity, domain, kind)\n"
    "    return severity >= 0.8 and (domain == 'billing' or kind == 'error' or\n"
    "      kind == 'crash' or kind == 'timeout' or kind == 'oom')\n"
    "  end\n"
    "  return decide, function(operations)\n"
    "    local sum = 0\n"
    "    for i = 0, operations - 1 do\n"
    "      local at = band(i, mask)\n"
    "      if decide(v[at].severity, domains[at], kinds[at]) then sum = sum + i end\n"
    "    end\n"
    "    return sum\n"
    "  end\n"
    "end\n";

static void tear_down(void *data) {
  luajit *l = data;
  if (l->lua != NULL) {
    lua_close(l->lua);
  }
  free(l->peer.values);
  free(l);
}

/* Calls what is on the stack, or ends the run. */
static void call(lua_State *lua, int argument_count, int result_count) {
  if (lua_pcall(lua, argument_count, result_count, 0) != 0) {
    fprintf(stderr, "bench: LuaJIT: %s\n", lua_tostring(lua, -1));
    exit(1);
  }
}

static void *set_up(const void *parameter) {
  const char *workload = parameter;
  luajit *l = calloc(1, sizeof *l);
  if (l == NULL) {
    return NULL;
  }
  l->lua = luaL_newstate();
  /* Lua has one kind of string: it is compared with both rows of ours. */
  if (l->lua == NULL ||
      !peer_prepare(&l->peer, strcmp(workload, "W3") == 0 ? "W3-bytes" : workload)) {
    tear_down(l);
    return NULL;
  }
  luaL_openlibs(l->lua);
  if (luaL_loadstring(l->lua, program) != 0) {
    fprintf(stderr, "bench: LuaJIT: %s\n", lua_tostring(l->lua, -1));
    tear_down(l);
    return NULL;
  }
  lua_pushstring(l->lua, workload);
  lua_pushlightuserdata(l->lua, l->peer.values);
  lua_pushinteger(l->lua, BENCH_CONTEXTS);
  call(l->lua, 3, 2);
  l->loop = luaL_ref(l->lua, LUA_REGISTRYINDEX);
  l->decide = luaL_ref(l->lua, LUA_REGISTRYINDEX);
  return l;
}

static uint64_t run_loop(void *data, size_t part) {
  (void)part;
  const luajit *l = data;
  lua_rawgeti(l->lua, LUA_REGISTRYINDEX, l->loop);
  lua_pushinteger(l->lua, PEER_OPERATIONS);
  call(l->lua, 1, 1);
  uint64_t sum = (uint64_t)lua_tonumber(l->lua, -1);
  lua_pop(l->lua, 1);
  return sum;
}

static int push_values(lua_State *lua, const bench_peer *peer, const void *values) {
  if (peer->workload->native == bench_native_w3) {
    const bench_w3_values *v = values;
    lua_pushnumber(lua, v->severity);
    lua_pushlstring(lua, v->domain.bytes, v->domain.length_bytes);
    lua_pushlstring(lua, v->kind.bytes, v->kind.length_bytes);
    return 3;
  }
  const double *v = values;
  int count = (int)peer->workload->variable_count;
  for (int i = 0; i < count; i++) {
    lua_pushnumber(lua, v[i]);
  }
  return count;
}

static uint64_t run_calls(void *data, size_t part) {
  (void)part;
  const luajit *l = data;
  uint64_t sum = 0;
  for (size_t i = 0; i < PEER_OPERATIONS; i++) {
    lua_rawgeti(l->lua, LUA_REGISTRYINDEX, l->decide);
    int count = push_values(l->lua, &l->peer, peer_values(&l->peer, i & (BENCH_CONTEXTS - 1)));
    call(l->lua, count, 1);
    sum += i & (0 - (uint64_t)(lua_toboolean(l->lua, -1) != 0));
    lua_pop(l->lua, 1);
  }
  return sum;
}

#define ROW(ENGINE, WORKLOAD, RUN)                                                                 \
  {                                                                                                \
    .name = "peer/" ENGINE "/" WORKLOAD "/random", .parameter = WORKLOAD, .set_up = set_up,        \
    .run = RUN, .reference = "native C", .run_reference = peer_run_native, .tear_down = tear_down, \
    .operations = PEER_OPERATIONS                                                                  \
  }

static const bench_row rows[] = {
    ROW("luajit", "W1", run_loop),        ROW("luajit", "W2", run_loop),
    ROW("luajit", "W3", run_loop),        ROW("luajit-pcall", "W1", run_calls),
    ROW("luajit-pcall", "W2", run_calls), ROW("luajit-pcall", "W3", run_calls)};
BENCH_ROWS(rows)
