# The zygote, which any walled program may carry; the worker's main loop adds runeward-worker.
rn_library(rn_zygote
  zygote.c)
target_link_libraries(rn_zygote PUBLIC rn_policy rn_base)

if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/loop.cmake)
  include(loop.cmake)
endif()
