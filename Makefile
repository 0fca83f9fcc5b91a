# MemNet: build, test, experiment. `make help` lists the targets.
#
# One file, no recursion. Each program is a list of sources and a list of
# libraries; objects go to $(BUILD), nothing is written beside the sources.
# Variables a user may set: CC, CFLAGS, BUILD, V=1 (show commands), WERROR=1,
# SANITIZE=address,undefined | thread, PLAN=, ACCEL=, KERNEL=, INITRD_EXTRA=.

BUILD   ?= build
CC      := $(if $(filter default,$(origin CC)),gcc,$(CC))
CFLAGS  ?= -O2 -g
PLAN    ?= harness/plans/paper.ini
ACCEL   ?= auto

MEMNET_CFLAGS := -std=gnu11 -Wall -Wextra -Wmissing-prototypes -Wstrict-prototypes \
                 -Wpointer-arith -Wno-unused-parameter -Wno-missing-field-initializers \
                 -D_GNU_SOURCE -I. -pthread $(if $(WERROR),-Werror) \
                 $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer)
MEMNET_LDFLAGS := -pthread $(if $(SANITIZE),-fsanitize=$(SANITIZE))

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' $(1) $(2))

.DEFAULT_GOAL := all
.SUFFIXES:
.DELETE_ON_ERROR:

# --- sources -----------------------------------------------------------------

base_src := \
	memnet-core/base/io.c \
	memnet-core/base/parse.c

# --- programs and tests: name, sources, libraries ----------------------------

TESTS :=
PROGRAMS :=

# $(call program,path under $(BUILD),sources,libraries)
define program
$(BUILD)/$(1): $(patsubst %.c,$(BUILD)/obj/%.o,$(2))
	$$(call say,LINK,$$@)
	$(Q)mkdir -p $$(@D)
	$(Q)$$(CC) $$(MEMNET_LDFLAGS) $$(LDFLAGS) -o $$@ $$^ $(3)
OBJECTS += $(patsubst %.c,$(BUILD)/obj/%.o,$(2))
endef

# $(call test,test source,sources under test,libraries)
define test
$(call program,$(1:.c=),$(1) $(2),$(3) -lcmocka)
TESTS += $(BUILD)/$(1:.c=)
endef

$(eval $(call test,memnet-core/base/test/test_parse.c,$(base_src)))

# results: CSV files, statistics, table, gate

rows_src := \
	harness/columns.c \
	harness/rows.c \
	harness/rows_load.c \
	memnet-core/base/io.c

analyse_src := \
	harness/analyse.c \
	harness/columns.c \
	harness/groups.c \
	harness/metrics.c \
	harness/stats.c

table_src := \
	harness/table.c \
	harness/table_words.c

results_src := $(sort $(rows_src) $(analyse_src) $(table_src) \
	harness/gate.c harness/power_series.c harness/results.c)

$(eval $(call test,harness/test/test_columns.c,$(rows_src),-lcsv -lm))
$(eval $(call test,harness/test/test_rows.c,$(rows_src),-lcsv -lm))
$(eval $(call test,harness/test/test_disk_full.c,$(rows_src),-lcsv -lm))
$(eval $(call test,harness/test/test_stats.c,harness/stats.c,-lm))
$(eval $(call test,harness/test/test_reference.c,harness/columns.c harness/metrics.c,-lm))
$(eval $(call test,harness/test/test_analyse.c,$(analyse_src),-lm))
$(eval $(call test,harness/test/test_power_series.c,$(results_src),-lcsv -lm))
$(eval $(call test,harness/test/test_figures.c,$(results_src),-lcsv -lm))
$(eval $(call test,harness/test/test_gate.c,$(results_src),-lcsv -lm))
$(eval $(call test,harness/test/test_table.c,$(analyse_src) $(table_src),-lm))

# --- rules -------------------------------------------------------------------

$(BUILD)/obj/%.o: %.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(MEMNET_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

-include $(patsubst %.o,%.d,$(sort $(OBJECTS)))

.PHONY: all test clean help
all: $(PROGRAMS)
clean:
	$(Q)rm -rf $(BUILD)
