# Processes behind the wall, from outside.
rn_library(rn_spawner
  detach.c
  spawner.c
  wake.c)
target_link_libraries(rn_spawner PUBLIC rn_policy rn_shm_owner rn_base)
