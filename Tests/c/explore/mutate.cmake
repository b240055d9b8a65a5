# Writes a mutant: a copy of a source of the core with one place changed. Where that place is not
# there, or there more than once, the copy says so and is otherwise the source: its test then fails.
#
#   cmake -DNAME=… -DSOURCE=… -DFROM=… -DTO=… -DOUTPUT=… -P mutate.cmake

file(READ "${SOURCE}" text)
string(FIND "${text}" "${FROM}" first)
string(FIND "${text}" "${FROM}" last REVERSE)
if(first EQUAL -1)
  set(why "is nowhere in the source any more")
elseif(NOT first EQUAL last)
  set(why "is in the source more than once")
else()
  set(why "")
  string(REPLACE "${FROM}" "${TO}" text "${text}")
endif()
file(WRITE "${OUTPUT}"
     "const char *mutant_stale(void);\nconst char *mutant_stale(void) {\n  return \"${why}\";\n}\n"
     "${text}")
