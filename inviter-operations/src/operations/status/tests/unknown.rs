//! What was not read, and what was read only in part.

use inviter::core::memory::{InMemoryDirectory, MemoryGroup, MemoryPerson};

use super::*;

/// A directory in memory in place of the file, with these rooms and one person.
fn directory(place: &mut Place, rooms: usize) -> Arc<InMemoryDirectory> {
    let people = InMemoryDirectory::new("people");
    let ada = "@ada:example.com".try_into().unwrap();
    people.put_person(MemoryPerson::new("ada").matrix_id(ada));
    for room in 0..rooms {
        people.put_group(MemoryGroup::new(group(room)).members(["ada"]));
    }
    let people = Arc::new(people);
    place.reconciler.providers = vec![Arc::clone(&people) as Arc<_>];
    people
}

fn group(room: usize) -> String {
    format!("MTRX #room{room}:example.com")
}

#[tokio::test]
async fn a_run_that_could_not_read_a_directory_says_so() {
    let mut place = Place::new().await;
    let people = directory(&mut place, 1);
    at(&mut place, NOON);
    place.reconciler.sync(&RunOptions::by_person()).await.unwrap();
    people.fail(ProviderErrorKind::Unavailable, "it is away");
    place.reconciler.sync(&RunOptions::default()).await.unwrap();
    let status = unseen(&place).await;
    let told = text(&status);
    assert!(
        told.contains(", on schedule: no changes; 1 directory not read (took "),
        "{told}"
    );
    let json = status.json();
    let count = |run: usize, key| json["runs"][run][key].clone();
    assert_eq!(
        (count(0, "directories_unread"), count(1, "directories_unread")),
        (0.into(), 1.into())
    );
}

#[tokio::test]
async fn what_is_read_in_part_is_told_with_the_rooms_that_it_holds_open() {
    let mut place = Place::new().await;
    let people = directory(&mut place, 5);
    at(&mut place, NOON);
    place.reconciler.sync(&RunOptions::by_person()).await.unwrap();
    let sound = text(&fresh(&place).await);
    assert!(
        !sound.contains("note:") && sound.ends_with("status: no changes\n"),
        "{sound}"
    );
    people.edit_group(&group(0), |group| group.members_gap("page 2 is missing"));
    place.reconciler.sync(&RunOptions::default()).await.unwrap();
    let status = fresh(&place).await;
    let told = text(&status);
    for words in [
        ", on schedule: no changes; 1 directory read in part (took ",
        "\nnote: not everything could be read of group MTRX #room0:example.com of directory people",
        "\nnote: #room0:example.com: nobody is removed, because ",
        "\nstatus: no changes; 1 directory read in part; nobody removed from 1 room\n",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert!(
        !told.contains("or unknown"),
        "nobody says that nothing is unknown: {told}"
    );
    let json = status.json();
    assert_eq!(
        json["rooms"]["removals_not_considered"],
        json!(["#room0:example.com"])
    );
    assert_eq!(json["rooms"]["incomplete"].as_array().unwrap().len(), 1);
    assert_eq!(json["runs"][1]["directories_incomplete"], 1);

    (1..5).for_each(|room| people.edit_group(&group(room), |group| group.members_gap("it is refused")));
    let told = text(&fresh(&place).await);
    let many = "\nnote: nobody is removed from 5 rooms, because not all is known of who belongs there: \
                #room0:example.com, #room1:example.com, #room2:example.com and 2 more; `inviter plan` says why\n";
    assert!(told.contains(many), "{told}");
}
